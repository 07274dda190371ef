import COpenSSL
import Synchronization

/// An algorithm of libcrypto, looked up once for the life of the process and never freed.
struct FetchedAlgorithm: @unchecked Sendable {
    /// The number of look-ups.
    static let fetches = Atomic(0)

    let name: String
    private let found: OpaquePointer?

    init(_ name: String, _ fetch: (OpaquePointer?, String) -> OpaquePointer?) {
        self.name = name
        Self.fetches.add(1, ordering: .relaxed)
        found = fetch(nil, name)
        if found == nil { ERR_clear_error() }
    }

    var isAvailable: Bool { found != nil }

    /// Ends the process without the algorithm, which ``CryptoLibrary/check()`` reports in advance.
    var pointer: OpaquePointer {
        guard let found else { stop("libcrypto (\(CryptoLibrary.version)) does not have \(name)") }
        return found
    }
}

/// The used algorithms of libcrypto.
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

    /// Available since OpenSSL 3.5.
    static let mlkem768 = FetchedAlgorithm("ML-KEM-768") { EVP_KEM_fetch($0, $1, nil) }

    /// All but KMAC and ML-KEM, which only guests with ML-KEM keys need.
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

/// Ends the process: libcrypto has failed independent of input, for lack of memory or of an algorithm.
func stop(_ reason: String) -> Never { fatalError(reason) }

extension Optional {
    /// A result of libcrypto that depends on no input.
    func required(_ name: @autoclosure () -> String) -> Wrapped {
        guard let self else { stop("libcrypto cannot provide \(name())") }
        return self
    }
}
