import Broker
import Bytes

/// A guest's init data: a document that its host provided at launch, with its digest in HOST_DATA.
struct InitialData: Sendable {
    /// The document's digest under the algorithm that it names, truncated to HOST_DATA's 32 bytes.
    let digest: [UInt8]
    /// The document's whole digest.
    let wholeDigest: [UInt8]
    /// The members of `[data]`.
    let claims: [ExactText: ExactText]

    /// - Throws: a ``Refusal``.
    init(_ message: InitialDataMessage) throws(Refusal) {
        guard ExactText(message.format) == "toml" else {
            throw Refusal(.malformed, "init-data.format must be \"toml\".")
        }
        let document: InitialDataReader.Document
        do { document = try InitialDataReader.read(Array(message.body.utf8)) } catch {
            throw Refusal(.malformed, "init-data.body cannot be used: \(error.reason).")
        }
        guard document.head["version"]?.hasPrefix("0.1.") == true else {
            throw Refusal(.malformed, "init-data.body must have version = \"0.1.0\".")
        }
        guard let name = document.head["algorithm"], let algorithm = HashAlgorithm(exactly: Self.normal(name)) else {
            throw Refusal(.malformed, "init-data.body must have algorithm = \"sha256\", \"sha384\" or \"sha512\".")
        }
        guard document.head.count == 2 else {
            throw Refusal(.malformed, "init-data.body may have nothing but version and algorithm before [data].")
        }
        guard let data = document.data else {
            throw Refusal(.malformed, "init-data.body has no table [data].")
        }
        claims = data
        wholeDigest = algorithm.digest(of: Array(message.body.utf8))
        digest = Array(wholeDigest.prefix(32))
    }

    /// Both spellings occur: `sha-384` and `SHA384`.
    private static func normal(_ name: ExactText) -> ExactText {
        let letters = name.text.utf8.lazy.filter { $0 != UInt8(ascii: "-") }.map { byte in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
        }
        return ExactText(String(decoding: letters, as: UTF8.self))
    }
}
