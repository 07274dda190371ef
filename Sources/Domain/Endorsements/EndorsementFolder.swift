import Broker
import Bytes
public import Evidence
import Files
import Formats
public import FoundationEssentials

/// A folder of documents, filled by an operator, another tool or an export.
///
/// Certificates are files in PEM or DER: keys in `vcek/<chip id, hex>/` (as `vcek.der`,
/// `bl03_tee00_snp08_ucode115_vcek.der`, or under any other name) and in `vlek/`, authorities anywhere else. Other
/// documents are JSON with their name and end of validity. The folder is read at each look-up, so new files count at
/// once.
public struct EndorsementFolder: Sendable {
    private let path: String

    public init(_ folder: URL) { path = folder.filePath }

    /// Candidates for a name: a chip's keys, all VLEKs, or everything outside the folders of keys.
    public func documents(named name: EndorsementName) -> [EndorsementDocument] {
        let files: [String]
        if case .key(let identity)? = AMDDocument(name) {
            // Tools differ in the case of the digits.
            let folders = identity.hardwareID.map { ["vcek/\(Hex.encode($0))", "vcek/\(Hex.encode($0).uppercased())"] }
            files = (folders ?? ["vlek"]).flatMap { self.files(below: "/\($0)") }
        } else {
            files = self.files(skipping: ["vcek", "vlek"])
        }
        return files.flatMap { file -> [EndorsementDocument] in
            switch try? Self.read(file) {
            case .certificates(let found)?: return found.map { EndorsementDocument($0, named: name) }
            case .document(let document)?: return document.name == name ? [document] : []
            case nil: return []
            }
        }
    }

    /// All documents and certificates in the folder, without repetitions, and the unreadable files.
    public var contents:
        (
            documents: [EndorsementDocument], certificates: [Certificate],
            unreadable: [(file: String, reason: String)]
        )
    {
        var (documents, certificates, unreadable) = ([EndorsementDocument](), [Certificate](), [(String, String)]())
        var seen: Set<Certificate> = []
        for file in files() {
            do {
                switch try Self.read(file) {
                case .certificates(let found): certificates += found.filter { seen.insert($0).inserted }
                case .document(let document): documents.append(document)
                }
            } catch {
                unreadable.append((file, "\(error)"))
            }
        }
        let named = GuestTEE.allCases.flatMap { $0.technology.documents(in: certificates) }
        return (named + documents, certificates, unreadable)
    }

    /// Writes a document, replacing a file of the same name.
    public func write(_ document: EndorsementDocument) throws {
        let file = "\(path)/\(Self.name(of: document))"
        try Folder.make(Folder.parent(of: file) ?? path)
        let isPEM = file.hasSuffix(".pem")
        let contents = isPEM ? Array(document.certificates.map(\.pem).joined().utf8) : document.json.encoded
        try File.replace(file, with: contents, mode: 0o644)
    }

    // MARK: Files

    private enum Contents {
        case certificates([Certificate])
        case document(EndorsementDocument)
    }

    private static func read(_ file: String) throws -> Contents {
        let bytes = try File.read(file, atMost: 1 << 20)
        return file.lowercased().hasSuffix(".json")
            ? .document(try EndorsementDocument(json: try JSON(bytes)))
            : .certificates(try Certificate.read(file: bytes))
    }

    /// The file's name, which contains none of the document's text: that may come from a hostile server.
    private static func name(of document: EndorsementDocument) -> String {
        let mark = Hex.encode(document.fingerprint.prefix(4))
        let isWhole = document.kind == .certificate && document.certificates.count == 1 + document.issuers.count
        switch AMDDocument(document.name) {
        case .key(let identity)? where isWhole:
            let folder = identity.hardwareID.map { "vcek/\(Hex.encode($0))" } ?? "vlek"
            return "\(folder)/\(identity.product.rawValue)_\(identity.tcb)_\(mark).pem"
        case .authority(let product, let kind)? where isWhole:
            return "\(product.rawValue)_\(kind.rawValue)_\(mark).pem"
        default: return "\(Hex.encode(document.fingerprint)).json"
        }
    }

    /// Files with a document's extension, in a stable order.
    private func files(below subfolder: String = "", skipping: Set<String> = []) -> [String] {
        Folder.files(below: path + subfolder, skipping: skipping).filter { file in
            Self.endings.contains { file.lowercased().hasSuffix($0) }
        }.map { "\(path)\(subfolder)/\($0)" }
    }

    private static let endings = [".pem", ".der", ".crt", ".cer", ".json"]
}

extension EndorsementDocument {
    /// The file's contents.
    var json: JSONValue {
        var json: JSONValue = [
            "name": .text(name.text), "kind": .text(kind.rawValue), "document": .text(Base64.encode(bytes)),
            "issuers": .array(issuers.map { .text(Base64.encode($0)) }),
        ]
        json["good_until"] = goodUntil.map { .text(RFC3339.text($0)) }
        return json
    }

    init(json: JSON) throws {
        guard let kind = Kind(exactly: try json.member("kind").text()) else {
            throw try json.member("kind").unfit(Kind.allCases.map(\.rawValue).joined(separator: ", "), quoting: true)
        }
        let end = try json.optional("good_until")
        self.init(
            name: EndorsementName(try json.member("name").text()), kind: kind,
            bytes: try Self.base64(json.member("document")),
            issuers: try json.member("issuers").array().map(Self.base64), goodUntil: try end.map(Self.time))
    }

    private static func base64(_ json: JSON) throws -> [UInt8] {
        guard let bytes = Base64.decode(try json.text()) else { throw json.unfit("base64") }
        return bytes
    }

    private static func time(_ json: JSON) throws -> Date {
        guard let time = RFC3339.date(try json.text()) else { throw json.unfit("a time") }
        return time
    }
}
