import Concurrency
import Dispatch
import Glibc

/// A `sockaddr`.
struct HostAddress: Sendable {
    let family: Int32
    let bytes: [UInt8]

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        bytes.withUnsafeBytes { buffer in
            // Not empty: it holds at least the family.
            body(buffer.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: sockaddr.self), socklen_t(buffer.count))
        }
    }

    /// The addresses of a host, in the order of preference.
    ///
    /// The C library's timeouts for name servers cannot be set, so that it is called on a thread of its own. After the
    /// deadline its result is ignored.
    static func all(
        of host: String, _ port: UInt16, until deadline: ContinuousClock.Instant
    ) throws(ConnectionError) -> [HostAddress] {
        if let addresses = lookUp(host, port, AI_NUMERICHOST) { return addresses }
        let found = Lock<[HostAddress]?>(nil)
        let isDone = DispatchSemaphore(value: 0)
        let queue = DispatchQueue(label: "kbs.name")
        queue.async {
            let addresses = lookUp(host, port, AI_ADDRCONFIG)
            found.withLock { $0 = addresses }
            isDone.signal()
        }
        let left = max(ContinuousClock.now.duration(to: deadline), .zero)
        let nanoseconds = Int(clamping: left.components.seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let wait = nanoseconds.overflow ? Int.max : nanoseconds.partialValue
        guard
            isDone.wait(timeout: .now() + .nanoseconds(wait + Int(left.components.attoseconds / 1_000_000_000)))
                == .success
        else { throw .time }
        guard let addresses = found.withLock({ $0 }), !addresses.isEmpty else { throw .name }
        return addresses
    }

    /// - Parameter turn: at least 0.
    static func rotated<Address>(_ addresses: [Address], by turn: Int) -> [Address] {
        let first = turn % max(1, addresses.count)
        return Array(addresses[first...] + addresses[..<first])
    }

    private static func lookUp(_ host: String, _ port: UInt16, _ flags: Int32) -> [HostAddress]? {
        guard !host.utf8.contains(0) else { return nil }
        var wanted = addrinfo()
        wanted.ai_socktype = Int32(SOCK_STREAM.rawValue)
        wanted.ai_flags = flags | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "\(port)", &wanted, &list) == 0 else { return nil }
        defer { freeaddrinfo(list) }
        var addresses: [HostAddress] = []
        var next = list
        while let entry = next?.pointee {
            if let address = entry.ai_addr {
                let bytes = UnsafeRawBufferPointer(start: address, count: Int(entry.ai_addrlen))
                addresses.append(HostAddress(family: entry.ai_family, bytes: Array(bytes)))
            }
            next = entry.ai_next
        }
        return addresses
    }
}
