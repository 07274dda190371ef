import Glibc

/// The limit of this process's open files and sockets.
package enum FileDescriptorLimit {
    /// Files and sockets for the database, certificates, the log and outgoing calls.
    package static let reserve = 256

    /// Raises the soft limit to the hard one.
    ///
    /// - Returns: the limit in force; `nil` if it is not known.
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

    /// The hard limit; `nil` if it is not known.
    static var hard: Int? {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        return getrlimit(resource, &limit) == 0 ? Int(clamping: limit.rlim_max) : nil
    }
}
