public import Bytes
import COpenSSL

/// Random bytes of libcrypto's generator, which the kernel seeds.
public enum SecureRandom {
    /// Public random bytes: nonces, ids.
    public static func bytes(_ count: Int) -> [UInt8] {
        [UInt8].filled(capacity: count) { RAND_bytes($0, Int32(count)) == 1 ? count : nil }.required("random bytes")
    }

    /// Secret random bytes.
    public static func secret(_ count: Int) -> Secret {
        Secret(count: count) { buffer in
            guard let start = buffer.bindMemory(to: UInt8.self).baseAddress else { return }
            if RAND_priv_bytes(start, Int32(count)) != 1 { stop("libcrypto cannot provide random bytes") }
        }
    }
}
