import Bytes
@testable import Crypto
import Foundation
import Testing

@Suite("libcrypto, and what is owned of it")
struct LibraryTests {
    init() { CryptoLibrary.forgetErrors() }

    @Test("The loaded library says its version, and gives all that the program needs")
    func facts() throws {
        #expect(CryptoLibrary.version.hasPrefix("OpenSSL 3."))
        try CryptoLibrary.check()
        let major = CryptoLibrary.version.split(separator: " ")[1].split(separator: ".").compactMap { Int($0) }
        #expect(MLKEM768.isAvailable == (major[1] >= 5))
    }

    @Test("FIPS mode is decided in one place, which a test can force")
    func fips() {
        let actual = CryptoLibrary.isFIPSMode
        CryptoLibrary.$forcedFIPSMode.withValue(true) { #expect(CryptoLibrary.isFIPSMode) }
        CryptoLibrary.$forcedFIPSMode.withValue(false) { #expect(!CryptoLibrary.isFIPSMode) }
        #expect(CryptoLibrary.isFIPSMode == actual)
    }

    /// All that a handshake does, and more.
    private func handshake(_ key: P384.Signing.PrivateKey, _ rsa: RSA.Encryption.PublicKey) throws {
        let digest = SHA384.hash(data: [1, 2, 3])
        #expect(key.publicKey.isValidSignature(try key.signature(for: digest), for: digest))
        let read = try P384.Signing.PublicKey(derRepresentation: key.publicKey.derRepresentation)
        #expect(!read.isValidSignature(try key.signature(for: digest), for: SHA384.hash(data: [1])))
        let guest = try RSA.Encryption.PublicKey(n: rsa.modulus, e: rsa.publicExponent)
        _ = try guest.encrypt([1], padding: .insecurePKCS1v1_5)
        _ = try guest.encrypt([1], padding: .PKCS1_OAEP_SHA256)
        let agreed = try P256.KeyAgreement.PrivateKey().sharedSecretFromKeyAgreement(
            with: P256.KeyAgreement.PrivateKey().publicKey)
        let derived = SymmetricKey(data: SHA256.hash(data: agreed.secret.withBytes { Array($0) }))
        let master = HKDF<SHA256>.deriveKey(inputKeyMaterial: derived, outputByteCount: 32)
        #expect(
            HMAC<SHA256>.isValidAuthenticationCode(
                HMAC<SHA256>.authenticationCode(for: [1], using: master), authenticating: [1], using: master))
        #expect(try AES.GCM.open(AES.GCM.seal([7], using: master), using: master) == [7])
        #expect(try AES.KeyWrap.unwrap(AES.KeyWrap.wrap(master, using: derived), using: derived) == master)
        _ = try AES.CTR.encrypt([1], using: master, counter: [UInt8](repeating: 0, count: 16))
    }

    @Test("Nothing is looked up by its name in a warm handshake")
    func noFetches() throws {
        let key = P384.Signing.PrivateKey()
        let rsa = try RSA.Encryption.PrivateKey(keySize: .bits2048).publicKey
        // All of them: other tests run meanwhile, and must not be the first to use one.
        try CryptoLibrary.check()
        _ = (Fetched.kmac256.isAvailable, MLKEM768.isAvailable)
        try handshake(key, rsa)
        let before = CryptoLibrary.fetches
        #expect(before >= Fetched.required.count)
        for _ in 0..<20 { try handshake(key, rsa) }
        #expect(CryptoLibrary.fetches == before)
        #expect(!CryptoLibrary.hasPendingError)
    }

    @Test("What is looked up by name is kept in a static constant, and none of Crypto's files has libcrypto read DER")
    func sources() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized
        let sources = root.appending(path: "Sources")
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        var lookUps = 0
        for case let file as URL in files where file.pathExtension == "swift" {
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                if line.contains(/EVP_[A-Z]+_fetch\(/) {
                    lookUps += 1
                    let isKept = line.contains("static let") || file.lastPathComponent == "Fetched.swift"
                    #expect(isKept, "\(file.lastPathComponent): \(line)")
                }
                let isDecoding = line.contains(/\bd2i_/) && file.path.contains("/Crypto/")
                #expect(!isDecoding, "\(file.lastPathComponent): \(line)")
            }
        }
        #expect(lookUps >= 6)
    }

    @Test("A key object goes with the last copy of its key")
    func owners() throws {
        weak var object: KeyObject?
        weak var rsaObject: KeyObject?
        do {
            var keys = [P256.Signing.PrivateKey()]
            object = keys[0].object
            let publicKey = keys[0].publicKey
            keys = []
            #expect(object != nil && publicKey.x963Representation.count == 65, "the public half holds it")
            let rsa = try RSA.Signing.PrivateKey(keySize: .bits2048)
            rsaObject = rsa.object
            #expect(rsaObject != nil && rsa.publicKey.keySizeInBits == 2_048)
        }
        #expect(object == nil && rsaObject == nil)
    }

    @Test("One key serves many threads at once")
    func threads() async throws {
        let (key, rsa) = (P384.Signing.PrivateKey(), try RSA.Signing.PrivateKey(keySize: .bits2048))
        let mac = SymmetricKey(size: .bits256)
        let digest = SHA384.hash(data: [1, 2, 3])
        let signatures = (try key.signature(for: digest), try rsa.signature(for: digest))
        let isGood = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<16 {
                group.addTask {
                    let message = [UInt8(number)]
                    let code = HMAC<SHA384>.authenticationCode(for: message, using: mac)
                    return key.publicKey.isValidSignature(signatures.0, for: digest)
                        && rsa.publicKey.isValidSignature(signatures.1, for: digest)
                        && HMAC<SHA384>.isValidAuthenticationCode(code, authenticating: message, using: mac)
                        && key.publicKey.isValidSignature(
                            (try? key.signature(for: digest)) ?? signatures.0, for: digest)
                }
            }
            return await group.allSatisfy { $0 }
        }
        #expect(isGood)
    }
}
