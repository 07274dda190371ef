import COpenSSL

/// An incremental hash function, with value semantics.
public protocol HashFunction: Sendable {
    /// The digest's length.
    static var byteCount: Int { get }
    static var algorithm: HashAlgorithm { get }

    init()
    init(resuming state: HashState)
    var state: HashState { get set }
}

/// One of libcrypto's digests.
public struct HashAlgorithm: Sendable {
    let fetched: FetchedAlgorithm
    /// HMAC with it.
    let hmac: MACTemplate

    init(_ fetched: FetchedAlgorithm) {
        self.fetched = fetched
        hmac = MACTemplate(digest: fetched.name)
    }

    /// libcrypto's name.
    var name: String { fetched.name }
}

/// A hash function's state. Its context is copied on write.
public struct HashState: @unchecked Sendable {
    private var context: Context

    init(_ algorithm: HashAlgorithm) {
        context = Context()
        guard EVP_DigestInit_ex2(context.pointer, algorithm.fetched.pointer, nil) == 1 else {
            stop("libcrypto cannot begin \(algorithm.name)")
        }
    }

    mutating func update(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
        if !isKnownUniquelyReferenced(&context) { context = Context(copying: context) }
        guard EVP_DigestUpdate(context.pointer, bytes, count) == 1 else { stop("libcrypto cannot hash") }
    }

    func finish(byteCount: Int) -> [UInt8] {
        let last = Context(copying: context)
        return [UInt8].filled(capacity: byteCount) {
            var written: UInt32 = 0
            return EVP_DigestFinal_ex(last.pointer, $0, &written) == 1 ? Int(written) : nil
        }.required("a digest")
    }

    /// Owns EVP_MD_CTX.
    private final class Context {
        let pointer: OpaquePointer

        init() { pointer = EVP_MD_CTX_new().required("memory for a digest") }

        init(copying other: Context) {
            pointer = EVP_MD_CTX_new().required("memory for a digest")
            guard EVP_MD_CTX_copy_ex(pointer, other.pointer) == 1 else { stop("libcrypto cannot copy a digest") }
        }

        deinit { EVP_MD_CTX_free(pointer) }
    }
}

extension HashFunction {
    public typealias Digest = DigestOf<Self>

    public init() { self.init(resuming: HashState(Self.algorithm)) }

    /// The digest of a whole message.
    public static func hash(data bytes: some Collection<UInt8>) -> DigestOf<Self> {
        bytes.withBytes { start, count in
            DigestOf(
                [UInt8].filled(capacity: byteCount) {
                    var written: UInt32 = 0
                    return EVP_Digest(start, count, $0, &written, algorithm.fetched.pointer, nil) == 1
                        ? Int(written) : nil
                }.required("the digest \(algorithm.name)"))
        }
    }

    public mutating func update(data bytes: some Collection<UInt8>) {
        bytes.withBytes { state.update($0, $1) }
    }

    public mutating func update(bufferPointer bytes: UnsafeRawBufferPointer) {
        bytes.withBytes { state.update($0, $1) }
    }

    /// The digest of the input so far. More input may follow.
    public func finalize() -> DigestOf<Self> { DigestOf(state.finish(byteCount: Self.byteCount)) }
}
