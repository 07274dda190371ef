import Bytes
import Files
import Glibc
import Testing

@Suite("Files with secrets")
struct PrivateFileTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test("One that only its owner may read is read", arguments: [0o600, 0o400] as [mode_t])
    func own(mode: mode_t) throws {
        let contents = try PrivateFile.read(scratch.write("key", "hidden", mode: mode), atMost: 100)
        #expect(contents.secret.withBytes { Array($0) } == Array("hidden".utf8) && contents.warning == nil)
        #expect(!"\(contents)".contains("hidden"))
    }

    @Test("One that everyone has access to is refused, and the sentence says what to do")
    func others() throws {
        for (mode, verb) in [(0o604, "read"), (0o644, "read"), (0o602, "written"), (0o601, "used")]
            as [(mode_t, String)]
        {
            let file = try scratch.write("key", "hidden", mode: mode)
            let error = #expect(throws: FileError.self) { try PrivateFile.read(file, atMost: 100) }
            #expect(
                error?.description
                    == "\(file) can be \(verb) by others than its owner: chmod 600 it, and ask who \(verb) it")
        }
    }

    @Test(
        "One that everyone has access to is refused under every rule for the group", arguments: [0o604, 0o644, 0o601])
    func othersUnderMask(_ mode: mode_t) throws {
        let file = try scratch.write("key", "hidden", mode: mode)
        #expect(throws: FileError.self) { try PrivateFile.read(file, atMost: 100, group: .isMask) }
    }

    @Test("One that this process's own group may read is no fault: a Kubernetes Secret with 0440")
    func ownGroup() throws {
        let file = try scratch.write("key", "hidden", mode: 0o440)
        chown(file, geteuid(), getegid())
        #expect(try PrivateFile.read(file, atMost: 100).warning == nil)
    }

    @Test("A process that is in the pod's group only reads root's Secret", .enabled(if: OtherUser.isPossible))
    func pod() async throws {
        chmod(scratch.path, 0o755)
        let file = try scratch.write("key", "hidden", mode: 0o440)
        chown(file, 0, 65_532)
        let pod = OtherUser(user: 65_531, group: 65_531, groups: [65_532])
        let read = await pod.run { () -> String? in
            do {
                let contents = try PrivateFile.read(file, atMost: 100)
                return contents.warning ?? "fine"
            } catch { return "\(error)" }
        }
        #expect(read == "fine")
    }

    @Test(
        "The group of a set-group-id folder is no fault: a volume with fsGroup, 2770 and g+rw",
        .enabled(if: OtherUser.isPossible))
    func setGroupID() throws {
        let file = try scratch.write("key", "hidden", mode: 0o660)
        chown(file, 0, 65_532)
        chown(scratch.path, 0, 65_532)
        chmod(scratch.path, 0o2770)
        #expect(try PrivateFile.read(file, atMost: 100).warning == nil)
        // The link of a Kubernetes volume lies in another folder than the file.
        let elsewhere = try Scratch()
        symlink(file, elsewhere("key"))
        #expect(try PrivateFile.read(elsewhere("key"), atMost: 100).warning == nil)
        chown(scratch.path, 0, 65_533)
        chmod(scratch.path, 0o2770)
        #expect(try PrivateFile.read(file, atMost: 100).warning != nil, "another group than the folder's")
    }

    @Test(
        "One that another group may read is a warning, which systemd's access lists are not",
        .enabled(if: OtherUser.isPossible))
    func otherGroup() throws {
        let file = try scratch.write("key", "hidden", mode: 0o640)
        chown(file, 0, 65_532)
        let warning = try PrivateFile.read(file, atMost: 100).warning
        #expect(
            warning
                == "\(file) can be read by group 65532, a group that this process is not in: chmod 600 it, or chgrp it"
        )
        #expect(try PrivateFile.examine(file) == warning)
        #expect(try PrivateFile.read(file, atMost: 100, group: .isMask).warning == nil)
        #expect(try PrivateFile.examine(file, group: .isMask) == nil)
    }

    @Test("A folder, a pipe and what is missing are errors")
    func noFile() throws {
        mkfifo(scratch("pipe"), 0o600)
        for path in [scratch.path, scratch("pipe"), scratch("none")] {
            #expect(throws: FileError.self) { try PrivateFile.read(path, atMost: 100) }
        }
    }
}
