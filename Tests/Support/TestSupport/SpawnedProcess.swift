import Concurrency
public import Foundation

/// Another program as a child of the tests.
///
/// Not Foundation's `Process`: to start one on Linux it lists the open descriptors and copies more of each name than
/// the kernel wrote, which now and then ends a process that has many open.
public final class SpawnedProcess: Sendable {
    /// What to start, and how.
    public struct Plan {
        public var program: URL
        public var arguments: [String]
        /// All of it: nothing is inherited.
        public var environment: [String: String] = ProcessInfo.processInfo.environment
        /// `nil` for nothing to read.
        public var input: FileHandle?
        /// `nil` for nowhere.
        public var output: FileHandle?
        /// `nil` for nowhere.
        public var errors: FileHandle?

        public init(_ program: URL, _ arguments: [String] = []) {
            (self.program, self.arguments) = (program, arguments)
        }
    }

    public struct NotStarted: Error, CustomStringConvertible {
        public let description: String
    }

    private struct State {
        var status: Int32?
        var waiting: [CheckedContinuation<Int32, Never>] = []
    }

    /// Shared with the thread that waits, so that the process itself can go, and end its child.
    private final class End: Sendable {
        let state = Lock(State())
    }

    public let identifier: pid_t
    private let end = End()

    /// Starts the program. It gets three descriptors and no other, and no signal is blocked or ignored.
    public init(_ plan: Plan) throws {
        let nowhere = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(nowhere) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (place, handle) in [plan.input, plan.output, plan.errors].enumerated() {
            posix_spawn_file_actions_adddup2(&actions, handle?.fileDescriptor ?? nowhere, Int32(place))
        }
        guard let closeFrom = Self.closeFrom, closeFrom(&actions, 3) == 0 else {
            throw NotStarted(description: "the C library cannot close what is open: it must be glibc 2.34 or later")
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let path = plan.program.path(percentEncoded: false)
        var child: pid_t = 0
        let code = Self.withStrings([path] + plan.arguments) { arguments in
            Self.withStrings(plan.environment.map { "\($0.key)=\($0.value)" }) { environment in
                posix_spawn(&child, path, &actions, &attributes, arguments, environment)
            }
        }
        guard code == 0 else { throw NotStarted(description: "\(path): \(String(cString: strerror(code)))") }
        let identifier = child
        self.identifier = identifier
        // A thread of its own: one of the few that tests share would be blocked.
        Thread.detachNewThread { [end] in Self.wait(for: identifier, end) }
    }

    /// Starts the program and waits for its end.
    public static func run(_ plan: Plan) async throws -> Int32 { try await SpawnedProcess(plan).ended() }

    /// A child does not outlive whoever holds it.
    deinit { send(SIGKILL) }

    public var isRunning: Bool { end.state.withLock { $0.status == nil } }

    /// Once it has ended, its exit code, or 128 and the signal that ended it, as a shell says it.
    public var status: Int32? { end.state.withLock { $0.status } }

    /// Does nothing once it has ended: its number may be another's by then.
    public func send(_ signal: Int32) {
        end.state.withLock { if $0.status == nil { kill(identifier, signal) } }
    }

    /// - Returns: ``status``.
    public func ended() async -> Int32 {
        await withCheckedContinuation { continuation in
            let status = end.state.withLock { state in
                if state.status == nil { state.waiting.append(continuation) }
                return state.status
            }
            if let status { continuation.resume(returning: status) }
        }
    }

    /// glibc's `posix_spawn_file_actions_addclosefrom_np`, which Swift does not import.
    private static let closeFrom: CloseFrom? = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np")
        .map { unsafeBitCast($0, to: CloseFrom.self) }

    private typealias CloseFrom =
        @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32

    private static func wait(for child: pid_t, _ end: End) {
        // Without taking it away: while it is there, its number is its own.
        var information = siginfo_t()
        while waitid(P_PID, id_t(child), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        let (status, waiting) = end.state.withLock { state in
            var word: Int32 = 0
            while waitpid(child, &word, 0) < 0, errno == EINTR {}
            let signal = word & 0x7F
            let status = signal == 0 ? (word >> 8) & 0xFF : 128 + signal
            state.status = status
            defer { state.waiting = [] }
            return (status, state.waiting)
        }
        for continuation in waiting { continuation.resume(returning: status) }
    }

    /// As C's programs get their arguments: a list of texts that ends with none.
    private static func withStrings<R>(
        _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R
    ) -> R {
        var copies = texts.map { strdup($0) } + [nil]
        defer { for copy in copies { free(copy) } }
        return copies.withUnsafeMutableBufferPointer { buffer in
            // There is at least the one that ends the list.
            body(buffer.baseAddress.unsafelyUnwrapped)
        }
    }
}

extension SpawnedProcess.Plan {
    /// Has what the program says on standard error written to a file, which is made.
    public mutating func write(errorsTo path: String) throws {
        try Data().write(to: URL(filePath: path))
        errors = try FileHandle(forWritingTo: URL(filePath: path))
    }
}
