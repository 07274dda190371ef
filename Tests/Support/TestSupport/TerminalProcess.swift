import Concurrency
import Foundation

/// Another program on a terminal of its own, at which a test types and reads.
// One test has it, and waits for each call before it makes the next.
public final class TerminalProcess: @unchecked Sendable {
    /// 0 once it has ended: its number may be another's by then.
    private var process: pid_t
    /// This side of the terminal.
    private let terminal: Int32
    /// What the program has shown since the last ``clear()``.
    public private(set) var screen = ""

    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// Starts a program as the leader of the terminal's session, so that keys such as Ctrl-C reach it.
    ///
    /// - Parameter environment: beside what is inherited.
    public init(_ program: String, _ arguments: [String] = [], environment: [String: String] = [:]) throws {
        terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (number, unlocked): (Int32, Int32) = (0, 0)
        // TIOCSPTLCK and TIOCGPTN, which are not imported, no more than posix_openpt is.
        guard terminal >= 0, ioctl(terminal, 0x4004_5431, &unlocked) == 0, ioctl(terminal, 0x8004_5430, &number) == 0
        else { throw Failure(description: "no terminal: \(String(cString: strerror(errno)))") }
        var size = winsize(ws_row: 60, ws_col: 160, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(terminal, UInt(TIOCSWINSZ), &size)

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // The first terminal that a session's leader opens becomes the session's.
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/pts/\(number)", O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, 0, 1)
        posix_spawn_file_actions_adddup2(&actions, 0, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // POSIX_SPAWN_SETSID, which is not imported.
        let newSession: Int32 = 0x80
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | newSession))

        var inherited = ProcessInfo.processInfo.environment
        inherited["COLUMNS"] = nil
        let variables = inherited.merging(environment) { $1 }.map { strdup("\($0.key)=\($0.value)") } + [nil]
        let path = Programs.path(program) ?? program
        let words = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for text in variables + words { free(text) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, path, &actions, &attributes, words, variables)
        guard code == 0 else {
            close(terminal)
            throw Failure(description: "\(program): \(String(cString: strerror(code)))")
        }
        self.process = process
    }

    deinit {
        if process != 0 {
            kill(process, SIGKILL)
            var status: Int32 = 0
            waitpid(process, &status, 0)
        }
        close(terminal)
    }

    public func type(_ text: String) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { write(terminal, $0.baseAddress, $0.count) }
    }

    /// Whether the terminal shows what is typed.
    public var echoes: Bool {
        var settings = termios()
        tcgetattr(terminal, &settings)
        return settings.c_lflag & tcflag_t(ECHO) != 0
    }

    public func clear() { screen = "" }

    /// Returns once the screen has all of these.
    public func wait(for texts: String...) async throws { try await wait(for: texts) }

    public func wait(for texts: [String]) async throws {
        try await BlockingThread.run("terminal") { [self] in try readUntil(texts) }
    }

    private func readUntil(_ texts: [String]) throws {
        let end = Date().addingTimeInterval(300)
        while !texts.allSatisfy({ screen.contains($0) }) {
            guard Date() < end, readSome(within: 1_000) != .ended else {
                throw Failure(description: "on the screen: \(screen)")
            }
        }
    }

    /// Reads the screen to its end.
    ///
    /// - Returns: the exit status, or 128 and the signal, as a shell says it.
    public func ended() async throws -> Int32 { try await BlockingThread.run("terminal") { [self] in readToEnd() } }

    private func readToEnd() -> Int32 {
        while readSome(within: 300_000) == .some {}
        var status: Int32 = 0
        waitpid(process, &status, 0)
        process = 0
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + status & 0x7F
    }

    private enum Reading { case some, nothing, ended }

    private func readSome(within milliseconds: Int32) -> Reading {
        var entry = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, milliseconds) > 0 else { return .nothing }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = bytes.withUnsafeMutableBytes { read(terminal, $0.baseAddress, $0.count) }
        // The terminal of a program that has ended cannot be read: EIO.
        guard count > 0 else { return .ended }
        screen += String(decoding: bytes.prefix(count), as: UTF8.self).replacing("\r\n", with: "\n")
        return .some
    }
}
