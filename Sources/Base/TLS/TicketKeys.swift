import Bytes
import COpenSSL
import Concurrency
import Crypto
import Glibc

/// The keys of session tickets. They are in memory only and replaced each hour, so that stolen keys do not reveal older
/// connections.
final class TicketKeys: Sendable {
    /// The seconds for which a key seals tickets; it opens them for twice as long.
    static let period: Int = 3_600

    /// Name, AES-256 key and MAC key, in one piece of memory.
    private struct Key: Sendable {
        static let nameSize = 16
        let bytes: Secret
        /// By a clock that includes suspension.
        let madeAt: Int

        init() {
            var fresh = SecureRandom.bytes(Key.nameSize + 64)
            bytes = Secret(wiping: &fresh)
            madeAt = TicketKeys.now
        }

        func hasName(_ name: UnsafePointer<UInt8>) -> Bool {
            bytes.withBytes {
                $0.prefix(Key.nameSize).elementsEqual(UnsafeBufferPointer(start: name, count: Key.nameSize))
            }
        }
    }

    private struct State {
        var current = Key()
        var previous: Key?
    }

    private let state = Lock(State())

    private static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return time.tv_sec
    }

    /// Replaces the current key, which only opens tickets from then on.
    func rotate() { state.withLock { $0 = State(previous: $0.current) } }

    private func sealing() -> Key {
        state.withLock { state in
            let age = Self.now - state.current.madeAt
            if age >= Self.period {
                state = State(previous: age >= 2 * Self.period ? nil : state.current)
            }
            return state.current
        }
    }

    private func opening(_ name: UnsafePointer<UInt8>) -> (key: Key, isCurrent: Bool)? {
        state.withLock { state in
            if state.current.hasName(name) {
                return Self.now - state.current.madeAt < 2 * Self.period ? (state.current, true) : nil
            }
            guard let previous = state.previous, previous.hasName(name) else { return nil }
            return Self.now - previous.madeAt < 2 * Self.period ? (previous, false) : nil
        }
    }

    /// Installs the keys in a context of libssl. They must live as long as the context.
    func install(in context: OpaquePointer) {
        // Index 0 is the application's.
        SSL_CTX_set_ex_data(context, 0, Unmanaged.passUnretained(self).toOpaque())
        SSL_CTX_set_tlsext_ticket_key_evp_cb(context) { session, name, vector, cipher, code, isSealing in
            guard let session, let name, let vector, let cipher, let code,
                let data = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(session), 0)
            else { return -1 }
            let keys = Unmanaged<TicketKeys>.fromOpaque(data).takeUnretainedValue()
            return isSealing == 1 ? keys.seal(name, vector, cipher, code) : keys.open(name, vector, cipher, code)
        }
    }

    // Looked up once, for the callback of each handshake.
    private nonisolated(unsafe) static let cipher = EVP_CIPHER_fetch(nil, "AES-256-CBC", nil)

    /// - Returns: 1; −1 for an error, which fails the handshake.
    private func seal(
        _ name: UnsafeMutablePointer<UInt8>, _ vector: UnsafeMutablePointer<UInt8>, _ cipher: OpaquePointer,
        _ code: OpaquePointer
    ) -> Int32 {
        guard RAND_bytes(vector, 16) == 1 else { return -1 }
        return sealing().bytes.withBytes { bytes -> Int32 in
            guard let start = bytes.bindMemory(to: UInt8.self).baseAddress else { return -1 }
            name.update(from: start, count: Key.nameSize)
            guard EVP_EncryptInit_ex2(cipher, Self.cipher, start + 16, vector, nil) == 1,
                kbs_tls_begin_ticket_code(code, start + 48, 32) == 1
            else { return -1 }
            return 1
        }
    }

    /// - Returns: 1; 2 for renewing the ticket; 0 for an unknown key, which makes a full handshake; −1 for an error.
    private func open(
        _ name: UnsafeMutablePointer<UInt8>, _ vector: UnsafeMutablePointer<UInt8>, _ cipher: OpaquePointer,
        _ code: OpaquePointer
    ) -> Int32 {
        guard let (key, isCurrent) = opening(name) else { return 0 }
        return key.bytes.withBytes { bytes -> Int32 in
            guard let start = bytes.bindMemory(to: UInt8.self).baseAddress,
                kbs_tls_begin_ticket_code(code, start + 48, 32) == 1,
                EVP_DecryptInit_ex2(cipher, Self.cipher, start + 16, vector, nil) == 1
            else { return -1 }
            return isCurrent ? 1 : 2
        }
    }
}
