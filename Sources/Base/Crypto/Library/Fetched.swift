import COpenSSL
import Synchronization

/// How often this process has asked libcrypto for an algorithm by its name.
enum LibraryCalls {
    private static let fetchCount = Atomic<Int>(0)

    static var fetches: Int { fetchCount.load(ordering: .relaxed) }

    static func fetch(_ call: (OpaquePointer?) -> OpaquePointer?) -> OpaquePointer? {
        fetchCount.add(1, ordering: .relaxed)
        let found = call(nil)
        if found == nil { ERR_clear_error() }
        return found
    }
}

/// An algorithm of libcrypto, looked up once for the life of the process and never freed.
struct FetchedAlgorithm: @unchecked Sendable {
    let name: String
    private let found: OpaquePointer?

    init(_ name: String, _ fetch: (OpaquePointer?, String) -> OpaquePointer?) {
        self.name = name
        found = LibraryCalls.fetch { fetch($0, name) }
    }

    var isThere: Bool { found != nil }

    /// Ends the process when there is none: ``CryptoLibrary/check()`` says it before, in a sentence that can be acted on.
    var pointer: OpaquePointer {
        guard let found else { stop("libcrypto (\(CryptoLibrary.version)) does not give \(name)") }
        return found
    }
}

/// Each of libcrypto's algorithms that is used, by name.
enum Fetched {
    static let sha256 = digest("SHA2-256")
    static let sha384 = digest("SHA2-384")
    static let sha512 = digest("SHA2-512")

    static let aes128GCM = cipher("AES-128-GCM")
    static let aes192GCM = cipher("AES-192-GCM")
    static let aes256GCM = cipher("AES-256-GCM")
    static let aes128CTR = cipher("AES-128-CTR")
    static let aes192CTR = cipher("AES-192-CTR")
    static let aes256CTR = cipher("AES-256-CTR")
    static let aes128Wrap = cipher("AES-128-WRAP")
    static let aes192Wrap = cipher("AES-192-WRAP")
    static let aes256Wrap = cipher("AES-256-WRAP")

    static let hmac = FetchedAlgorithm("HMAC") { EVP_MAC_fetch($0, $1, nil) }
    static let kmac256 = FetchedAlgorithm("KMAC-256") { EVP_MAC_fetch($0, $1, nil) }
    static let hkdf = FetchedAlgorithm("HKDF") { EVP_KDF_fetch($0, $1, nil) }

    /// nil before OpenSSL 3.5.
    static let mlkem768: FetchedAlgorithm? = {
        let kem = FetchedAlgorithm("ML-KEM-768") { EVP_KEM_fetch($0, $1, nil) }
        return kem.isThere ? kem : nil
    }()

    /// All but KMAC and ML-KEM, of which one kind of guest's keys makes use.
    static var required: [FetchedAlgorithm] {
        [
            sha256, sha384, sha512, aes128GCM, aes192GCM, aes256GCM, aes128CTR, aes192CTR, aes256CTR, aes128Wrap,
            aes192Wrap, aes256Wrap, hmac, hkdf,
        ]
    }

    private static func digest(_ name: String) -> FetchedAlgorithm {
        FetchedAlgorithm(name) { EVP_MD_fetch($0, $1, nil) }
    }

    private static func cipher(_ name: String) -> FetchedAlgorithm {
        FetchedAlgorithm(name) { EVP_CIPHER_fetch($0, $1, nil) }
    }
}

/// Ends the process: libcrypto has failed at something that depends on no input, for lack of memory or of an algorithm.
func stop(_ reason: String) -> Never { fatalError(reason) }

extension Optional {
    /// What libcrypto must have given.
    func required(_ what: @autoclosure () -> String) -> Wrapped {
        guard let self else { stop("libcrypto cannot give \(what())") }
        return self
    }
}
