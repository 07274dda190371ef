import Bytes
import Crypto
import Foundation
import TestSupport
import Testing

@testable import MasterKeys

/// As Kubernetes gives a pod its files: to a group that it is in.
@Suite("Key files that a group may read")
struct GroupTests {
    let folder: TemporaryFolder
    private let key = SymmetricKey(size: .bits256)

    init() throws { folder = try TemporaryFolder() }

    private func file(mode: mode_t, group: gid_t) throws -> KeyFile {
        let file = KeyFile(folder.file("master.key"))
        try file.write([key])
        try #require(chown(file.file.path, geteuid(), group) == 0 && chmod(file.file.path, mode) == 0)
        return file
    }

    @Test("The process's own group is no fault", arguments: [0o640, 0o660, 0o440] as [mode_t])
    func ownGroup(mode: mode_t) throws {
        let file = try file(mode: mode, group: getegid())
        #expect(try file.read() == [key])
        #expect(file.warning == nil)
    }

    @Test("That of a set-group-id folder is none either, and another one is a warning", .enabled(if: geteuid() == 0))
    func folderGroup() throws {
        let foreign: gid_t = 65_533
        let file = try file(mode: 0o640, group: foreign)
        #expect(try file.read() == [key])
        #expect(file.warning?.contains("chmod 600") == true)
        try #require(chown(folder.url.path, geteuid(), foreign) == 0 && chmod(folder.url.path, 0o2770) == 0)
        #expect(file.warning == nil)
        #expect(try file.read() == [key])
    }

    @Test(
        "Each file that another group may read is named, keys before and the token's PIN too",
        .enabled(if: geteuid() == 0))
    func warnings() throws {
        let foreign: gid_t = 65_533
        let active = try file(mode: 0o600, group: foreign)
        let pin = folder.file("pin")
        let previous = folder.file("previous.key")
        for file in [pin, previous] {
            try Data("1234".utf8).write(to: file)
            try #require(chown(file.path, geteuid(), foreign) == 0 && chmod(file.path, 0o640) == 0)
        }
        let token = try PKCS11URI("pkcs11:token=t;object=o?module-path=/x.so&pin-source=file:\(pin.path)")
        let reader = MasterKeyReader(
            MasterKeySources(
                master: .file(nil), previous: [.file(previous), .environment("OLD"), .credential("c"), .token(token)]),
            folder: folder.url)
        let told = reader.warnings
        #expect(told.count == 2 && told[0].contains("previous.key") && told[1].contains("/pin"), "\(told)")
        try #require(chmod(active.file.path, 0o640) == 0)
        #expect(reader.warnings.count == 3)
    }
}
