public import Evidence
public import Foundation

/// An offline store: a folder that an operator fills by hand or with another tool.
///
/// Keys lie in `vcek/<chip id, hex>/` (as `vcek.der`, `bl03_tee00_snp08_ucode115_vcek.der`, or under
/// any other name) and in `vlek/`; authorities lie anywhere else in it. PEM or DER. It is read
/// when a certificate is wanted, so what is put there is found at once.
public struct CertificateFolder: Sendable {
    private let folder: URL

    public init(_ folder: URL) { self.folder = folder }

    /// A chip's keys, or all VLEKs.
    public func keys(for identity: EndorsementKey.Kind, hardwareID: [UInt8]?) -> [Certificate] {
        switch (identity, hardwareID) {
        case (.vcek, let chip?):
            // Tools differ in the case of the digits.
            let names = [Hex.encode(chip), Hex.encode(chip).uppercased()]
            return names.flatMap { Self.certificates(in: folder.appending(path: "vcek/\($0)")) }
        case (.vcek, nil):
            return []
        case (.vlek, _):
            return Self.certificates(in: folder.appending(path: "vlek"))
        }
    }

    /// Everything that is not in `vcek/` or `vlek/`.
    public var authorities: [Certificate] {
        Self.certificates(in: folder, skipping: ["vcek", "vlek"])
    }

    /// Every certificate in the folder, and the files that could not be read.
    public var contents: (certificates: [Certificate], unreadable: [(file: String, reason: String)]) {
        var certificates: [Certificate] = []
        var unreadable: [(String, String)] = []
        for file in Self.files(in: folder, skipping: []) {
            do {
                certificates += try Self.read(file)
            } catch {
                unreadable.append((file.path(percentEncoded: false), "\(error)"))
            }
        }
        return (certificates, unreadable)
    }

    private static func certificates(in folder: URL, skipping: Set<String> = []) -> [Certificate] {
        files(in: folder, skipping: skipping).flatMap { (try? read($0)) ?? [] }
    }

    private static func read(_ file: URL) throws -> [Certificate] {
        let size = try file.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
        guard size <= 1 << 20 else { throw MalformedInput("certificate file", "it is larger than 1 MiB") }
        return try Certificate.read(file: Array(try Data(contentsOf: file)))
    }

    /// Files that are certificates by their name, in a stable order.
    private static func files(in folder: URL, skipping: Set<String>) -> [URL] {
        let manager = FileManager.default
        guard let walk = manager.enumerator(at: folder, includingPropertiesForKeys: [.isRegularFileKey]) else {
            return []
        }
        var files: [URL] = []
        for case let file as URL in walk {
            if walk.level == 1, skipping.contains(file.lastPathComponent) { walk.skipDescendants() }
            if endings.contains(file.pathExtension.lowercased()) { files.append(file) }
        }
        return files.sorted { $0.path < $1.path }
    }

    private static let endings: Set<String> = ["pem", "der", "crt", "cer"]
}
