import Bytes
import Crypto
import Foundation
import TestSupport
import Testing

@Suite("Wycheproof: symmetric primitives", .enabled(if: Wycheproof.isPresent))
struct WycheproofSymmetricTests {
    @Test("AES-GCM opens and seals as every test says, with nonces of 12 bytes")
    func gcm() throws {
        let rule = "nonce is not 12 bytes"
        let row = try Wycheproof.run("aes_gcm", kind: "AeadTest", refusable: [rule]) { _, test in
            let key = SymmetricKey(data: try test.bytes("key"))
            let (message, additional) = (try test.bytes("msg"), try test.bytes("aad"))
            let (ciphertext, tag) = (try test.bytes("ct"), try test.bytes("tag"))
            guard let nonce = try? AES.GCM.Nonce(data: try test.bytes("iv")) else { return .refused(rule) }
            let box = try AES.GCM.SealedBox(nonce: nonce, ciphertext: ciphertext, tag: tag)
            guard let opened = try? AES.GCM.open(box, using: key, authenticating: additional) else { return .rejected }
            let sealed = try AES.GCM.seal(message, using: key, nonce: nonce, authenticating: additional)
            return opened == message && sealed == box ? .accepted : .rejected
        }
        #expect(row.failed.isEmpty)
    }

    @Test("AES key wrap opens and wraps as every test says, from 16 bytes on")
    func keyWrap() throws {
        let rule = "wrapped key is under 24 bytes or no multiple of 8"
        let row = try Wycheproof.run("aes_wrap", kind: "KeywrapTest") { _, test in
            let key = SymmetricKey(data: try test.bytes("key"))
            let (message, wrapped) = (SymmetricKey(data: try test.bytes("msg")), try test.bytes("ct"))
            do {
                guard try AES.KeyWrap.unwrap(wrapped, using: key) == message else { return .rejected }
                return try AES.KeyWrap.wrap(message, using: key) == wrapped ? .accepted : .rejected
            } catch let error as CryptoError {
                return error == .authenticationFailure ? .rejected : .refused(rule)
            }
        }
        #expect(row.failed.isEmpty)
    }

    @Test("HKDF derives what every test says, and no more than the standard allows")
    func hkdf() throws {
        let row = try Wycheproof.run("hkdf_sha256", kind: "HkdfTest") { _, test in
            let size = try test.number("size")
            guard size <= HKDF<SHA256>.longestOutput else { return .refused("output is over 255 digests") }
            let derived = HKDF<SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: try test.bytes("ikm")), salt: try test.bytes("salt"),
                info: try test.bytes("info"), outputByteCount: size)
            return derived == SymmetricKey(data: try test.bytes("okm")) ? .accepted : .rejected
        }
        #expect(row.failed.isEmpty)
    }

    @Test("HMAC is valid as every test says, at its full length")
    func hmac() throws {
        let rule = "code is shorter than the digest"
        let row = try Wycheproof.run("hmac_sha256", kind: "MacTest", refusable: [rule]) { group, test in
            let (key, code) = (SymmetricKey(data: try test.bytes("key")), try test.bytes("tag"))
            let message = try test.bytes("msg")
            if try group.number("tagSize") < 256 {
                let isTaken = HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: message, using: key)
                // That our own rule refuses it, and not that the code is wrong.
                let whole = HMAC<SHA256>.authenticationCode(for: message, using: key)
                let agrees = Array(whole.prefix(code.count)) == code
                guard !isTaken, agrees == (try test.text("result") == "valid") else { return .rejected }
                return .refused(rule)
            }
            return HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: message, using: key)
                ? .accepted : .rejected
        }
        #expect(row.failed.isEmpty)
    }
}
