import Broker
import Bytes
public import Evidence
import Files
public import FoundationEssentials

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
            return names.flatMap { certificates(below: "\(path)/vcek/\($0)") }
        case (.vcek, nil): return []
        case (.vlek, _): return certificates(below: "\(path)/vlek")
        }
    }

    /// Everything that is not in `vcek/` or `vlek/`.
    public var authorities: [Certificate] { certificates(below: path, skipping: ["vcek", "vlek"]) }

    /// What may be a document of a name: a chip's keys, or everything that may be above one.
    func documents(named name: EndorsementName) -> [EndorsementDocument] {
        let found: [Certificate]
        switch AMDDocument(name) {
        case .key(let identity): found = keys(for: identity.kind, hardwareID: identity.hardwareID)
        case .authority: found = authorities
        case nil: found = []
        }
        return found.map { EndorsementDocument($0, named: name) }
    }

    /// Every certificate in the folder, and the files that could not be read.
    public var contents: (certificates: [Certificate], unreadable: [(file: String, reason: String)]) {
        var certificates: [Certificate] = []
        var unreadable: [(String, String)] = []
        for file in Self.files(below: path) {
            do {
                certificates += try Self.read(file)
            } catch {
                unreadable.append((file, "\(error)"))
            }
        }
        return (certificates, unreadable)
    }

    private var path: String { folder.path(percentEncoded: false) }

    private func certificates(below path: String, skipping: Set<String> = []) -> [Certificate] {
        Self.files(below: path, skipping: skipping).flatMap { (try? Self.read($0)) ?? [] }
    }

    private static func read(_ file: String) throws -> [Certificate] {
        try Certificate.read(file: try File.read(file, atMost: 1 << 20))
    }

    /// Files that are certificates by their name, in a stable order.
    private static func files(below path: String, skipping: Set<String> = []) -> [String] {
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        return Folder.files(below: path, skipping: skipping).filter { file in
            endings.contains { file.lowercased().hasSuffix($0) }
        }.map { "\(path)/\($0)" }
    }

    private static let endings = [".pem", ".der", ".crt", ".cer"]
}
