import Bytes
import FoundationEssentials
import Glibc

/// A child process that gets a secret on its standard input. Its output goes to this program's standard error, because
/// standard output is reserved for secrets.
struct ChildProcess: Sendable {
    let program: String
    let arguments: [String]

    /// Finds a program in PATH; an initramfs has no env(1) for this.
    ///
    /// - Throws: ``GuestFailure`` of kind `undelivered`.
    static func find(_ name: String) throws -> String {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"
        for folder in path.split(separator: ":") where access("\(folder)/\(name)", X_OK) == 0 {
            return "\(folder)/\(name)"
        }
        throw GuestFailure(.undelivered, "\(name) is not in PATH (\(path)): install it, or use --out.")
    }

    /// Runs the program to its end.
    ///
    /// - Returns: its exit status, or 128 and the signal that ended it.
    /// - Throws: ``GuestFailure`` of kind `undelivered` if it cannot be started.
    func run(input: Secret) throws -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw notStarted(errno) }
        // The child inherits neither end under its number, above all not the write end, which would keep it from seeing
        // the end of its input.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let child: pid_t
        do { child = try start(reading: ends[0]) } catch {
            for end in ends { close(end) }
            throw error
        }
        close(ends[0])
        // A child that ends early closes the pipe; its exit status says more than the write error.
        Self.write(input, to: ends[1])
        close(ends[1])
        var word: Int32 = 0
        while waitpid(child, &word, 0) < 0, errno == EINTR {}
        let signal = word & 0x7F
        return signal == 0 ? word >> 8 & 0xFF : 128 + signal
    }

    private func start(reading input: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO)
        // The child must not inherit ignored or blocked signals.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var child: pid_t = 0
        let variables = ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }
        let code = Self.withTexts([program] + arguments) { arguments in
            Self.withTexts(variables) { posix_spawn(&child, program, &actions, &attributes, arguments, $0) }
        }
        guard code == 0 else { throw notStarted(code) }
        return child
    }

    private func notStarted(_ code: Int32) -> GuestFailure {
        GuestFailure(.undelivered, "\(program) could not be started: \(String(cString: strerror(code))).")
    }

    private static func write(_ secret: Secret, to pipe: Int32) {
        secret.withBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(pipe, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
    }

    /// The texts as a null-terminated C array.
    private static func withTexts<Result>(
        _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: texts.count + 1)
        for (index, text) in texts.enumerated() { list[index] = strdup(text) }
        list[texts.count] = nil
        defer {
            for index in texts.indices { free(list[index]) }
            list.deallocate()
        }
        return body(list)
    }
}
