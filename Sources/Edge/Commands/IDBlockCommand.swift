import Arguments
import Bytes
import Crypto
import Evidence
import Files
import LaunchDigest
import MasterKeys

struct IDBlockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "id-block", abstract: "Make and read the ID blocks of SEV-SNP guests.",
        discussion: """
            With an ID block a policy names the key of an image's builder instead of each image's digest: firmware \
            starts only the image that the block names. docs/measure.md says when to use one.
            """,
        subcommands: [Create.self, Show.self, Digest.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make and sign an ID block for a launch digest.",
            discussion: """
                Prints the two properties of QEMU's sev-snp-guest object. A key is a PEM file with a private key on P-384 \
                (openssl ecparam -name secp384r1 -genkey -noout), or a PKCS #11 URI of such a key in a token.
                """)

        @Option(help: ArgumentHelp("The launch digest, 96 hex digits: `kbs measure snp`.", valueName: "hex"))
        var measurement: HexValue
        @Option(help: ArgumentHelp("The key that signs the block.", valueName: "file or pkcs11 URI")) var key: String
        @Option(
            help: ArgumentHelp(
                "A key that signs that key, so that the latter can be replaced without changing policies.",
                valueName: "file or pkcs11 URI"))
        var authorKey: String?
        @Option(help: ArgumentHelp("The guest policy at launch.", valueName: "bits"))
        var policy = Number(0x30000)
        @Option(help: "The image's security version: a policy's min_guest_svn forbids older ones.") var svn = 0
        @Option(help: ArgumentHelp("16 bytes that name the image's family.", valueName: "hex"))
        var familyID: HexValue?
        @Option(help: ArgumentHelp("16 bytes that name the image.", valueName: "hex")) var imageID: HexValue?
        @Option(help: "Write the block's 96 bytes to this file.") var block: String?
        @Option(help: "Write the authentication's 4096 bytes to this file.") var authentication: String?
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            guard let svn = UInt32(exactly: svn) else {
                throw ValidationError("--svn is a number of 32 bits: 0 to 4294967295.")
            }
            let none = [UInt8](repeating: 0, count: 16)
            let made: IDBlock
            do {
                made = try IDBlock(
                    measurement: measurement.bytes, familyID: familyID?.bytes ?? none, imageID: imageID?.bytes ?? none,
                    guestSVN: svn, policy: policy.value)
            } catch { throw ValidationError("\(error.subject) \(error.reason).") }
            let signature = try IDAuthentication(
                of: made, by: try IDBlockKey(key), author: try authorKey.map { try IDBlockKey($0) })
            // A token may sign by another mechanism than it announces.
            guard signature.vouches(for: made) else {
                throw CommandFailure("The key's signature does not verify: nothing was written.")
            }
            if let block { try File.replace(block, with: made.bytes) }
            if let authentication { try File.replace(authentication, with: signature.bytes) }
            let description = Description(made, signature)
            if json { return try printJSON(description) }
            print("id-block=\(description.idBlock),id-auth=\(description.idAuth)")
            tell("A policy names the key so: id_key_digests = [\"\(description.idKeyDigest)\"]")
            if let digest = description.authorKeyDigest {
                tell("Launch with author-key-enabled=on; its key so: author_key_digests = [\"\(digest)\"]")
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show an ID block, and whether its signatures are valid.",
            discussion: "Exits with 1 if they are not: firmware would not start the guest.")

        @Argument(help: "The ID block: a file with its bytes or their base64.") var block: String
        @Argument(help: "Its authentication.") var authentication: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let (made, signature): (IDBlock, IDAuthentication)
            do throws(MalformedInput) {
                made = try IDBlock(try bytes(block, IDBlock.size))
                signature = try IDAuthentication(try bytes(authentication, IDAuthentication.size))
            } catch { throw CommandFailure("\(error.subject) \(error.reason).", .unusable) }
            let description = Description(made, signature)
            if json { try printJSON(description) } else { printTable(description.rows) }
            guard description.signaturesGood else { throw ExitCode(1) }
        }

        private func bytes(_ file: String, _ size: Int) throws(MalformedInput) -> [UInt8] {
            let contents: [UInt8]
            do { contents = try InputFile.evidence(file) } catch {
                throw MalformedInput(file, "cannot be read: \(error)")
            }
            guard contents.count != size else { return contents }
            let text = contents.filter { $0 != 0x0A && $0 != 0x0D && $0 != 0x20 }
            return Base64.decode(utf8: text) ?? contents
        }
    }

    struct Digest: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a key's digest, as in reports and policies.")

        @Argument(help: "A PEM file with a key on P-384, or a PKCS #11 URI.") var key: String

        func run() async throws { print(Hex.encode(IDAuthentication.digest(of: try IDBlockKey(key).publicKey))) }
    }

    /// An ID block's fields, and its form for QEMU.
    private struct Description: Encodable {
        let measurement, familyID, imageID, policy, idKeyDigest: String
        let authorKeyDigest: String?
        let svn: UInt32
        let signaturesGood: Bool
        let idBlock, idAuth: String

        init(_ made: IDBlock, _ signature: IDAuthentication) {
            measurement = Hex.encode(made.measurement)
            familyID = Hex.encode(made.familyID)
            imageID = Hex.encode(made.imageID)
            policy = "0x" + String(made.policy, radix: 16)
            svn = made.guestSVN
            idKeyDigest = Hex.encode(signature.id.digest)
            authorKeyDigest = signature.author.map { Hex.encode($0.digest) }
            signaturesGood = signature.vouches(for: made)
            idBlock = Base64.encode(made.bytes)
            idAuth = Base64.encode(signature.bytes)
        }

        var rows: [[String]] {
            [
                ["measurement", measurement], ["policy", policy], ["svn", "\(svn)"], ["family id", familyID],
                ["image id", imageID], ["id key digest", idKeyDigest],
                ["author key digest", authorKeyDigest ?? "none"],
                ["signatures", signaturesGood ? "good" : "not good: firmware would not start the guest"],
            ]
        }
    }
}

/// Hex digits on the command line.
struct HexValue: ExpressibleByArgument {
    let bytes: [UInt8]

    init?(argument: String) {
        guard let bytes = Hex.decode(argument), !bytes.isEmpty else { return nil }
        self.bytes = bytes
    }
}

/// A key for ID blocks, in a file or in a token.
private struct IDBlockKey: IDBlockSigner {
    private enum Source {
        case file(P384.Signing.PrivateKey)
        case token(PKCS11URI)
    }

    private let source: Source
    let publicKey: P384.Signing.PublicKey

    init(_ text: String) throws {
        if text.hasPrefix("pkcs11:") {
            let uri = try PKCS11URI(text, naming: .signing)
            (source, publicKey) = (.token(uri), try PKCS11Token.publicKey(uri))
            return
        }
        let contents = try PrivateFile.read(text, atMost: 65_536)
        do {
            let pem = contents.secret.withBytes { String(decoding: $0, as: UTF8.self) }
            let key = try P384.Signing.PrivateKey(pemRepresentation: pem)
            (source, publicKey) = (.file(key), key.publicKey)
        } catch {
            throw CommandFailure("\(text) holds no private key on P-384: \(error)", .unusable)
        }
    }

    func signature(for digest: SHA384Digest) throws -> ECDSASignature<P384> {
        switch source {
        case .file(let key): try key.signature(for: digest)
        case .token(let uri): try PKCS11Token.signature(uri, for: digest)
        }
    }
}
