import COpenSSL

/// Compares in a time that is independent of the contents. Lengths are not secret.
public func equalInConstantTime(_ a: some Collection<UInt8>, _ b: some Collection<UInt8>) -> Bool {
    a.withBytes { first, count in
        b.withBytes { second, other in count == other && CRYPTO_memcmp(first, second, count) == 0 }
    }
}
