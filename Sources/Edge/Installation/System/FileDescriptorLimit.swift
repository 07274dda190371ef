import Glibc

/// How many files and sockets this process may have open.
package enum FileDescriptorLimit {
    /// For the database, certificates, the log and calls to others.
    package static let reserve = 256

    /// Raises the soft limit to the hard one.
    ///
    /// - Returns: the limit that then holds; `nil` when it cannot be known.
    package static func raise() -> Int? {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return nil }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }
}

extension FileDescriptorLimit {
    /// What ``raise()`` can raise it to; `nil` when it cannot be known.
    static var hard: Int? {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        return getrlimit(resource, &limit) == 0 ? Int(clamping: limit.rlim_max) : nil
    }
}
