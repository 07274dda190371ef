import Foundation

/// Another program, on a terminal of its own or with files for its streams.
final class Child {
    private let process: pid_t
    /// The other side of its terminal; -1 without one.
    private let terminal: Int32
    private(set) var screen = ""

    /// Starts a program on a new terminal, of which it is the session's leader.
    init(onTerminal program: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (number, unlocked): (Int32, Int32) = (0, 0)
        // TIOCSPTLCK and TIOCGPTN, which are not imported, no more than posix_openpt is.
        guard terminal >= 0, ioctl(terminal, 0x4004_5431, &unlocked) == 0, ioctl(terminal, 0x8004_5430, &number) == 0
        else { throw Failure("no terminal: \(errno)") }
        let name = "/dev/pts/\(number)"
        var size = winsize(ws_row: 60, ws_col: 160, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(terminal, UInt(TIOCSWINSZ), &size)
        process = try Self.spawn(program, arguments, environment, ownsSession: true) { actions in
            // The first terminal that a session's leader opens is the session's.
            posix_spawn_file_actions_addopen(&actions, 0, name, O_RDWR, 0)
            posix_spawn_file_actions_adddup2(&actions, 0, 1)
            posix_spawn_file_actions_adddup2(&actions, 0, 2)
        }
    }

    deinit {
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        if terminal >= 0 { close(terminal) }
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    func type(_ text: String) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { write(terminal, $0.baseAddress, $0.count) }
    }

    /// Whether what is typed now is shown.
    var echoes: Bool {
        var settings = termios()
        tcgetattr(terminal, &settings)
        return settings.c_lflag & tcflag_t(ECHO) != 0
    }

    /// Waits until the screen has all of these since the last call.
    func wait(for texts: String...) throws { try wait(for: texts) }

    func wait(for texts: [String]) throws {
        let end = Date().addingTimeInterval(60)
        while !texts.allSatisfy({ screen.contains($0) }) {
            guard Date() < end, readSome(within: 1_000) != .ended else { throw Failure("on the screen: \(screen)") }
        }
    }

    func clear() { screen = "" }

    private enum Reading { case some, nothing, ended }

    private func readSome(within milliseconds: Int32) -> Reading {
        var entry = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, milliseconds) > 0 else { return .nothing }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = bytes.withUnsafeMutableBytes { read(terminal, $0.baseAddress, $0.count) }
        guard count > 0 else { return .ended }
        screen += String(decoding: bytes.prefix(count), as: UTF8.self).replacing("\r\n", with: "\n")
        return .some
    }

    /// Reads the screen to its end.
    ///
    /// - Returns: the exit status, or 128 and the signal, as a shell says it.
    func ended() -> Int32 {
        while terminal >= 0, readSome(within: 60_000) == .some {}
        return Self.wait(process)
    }

    private static func wait(_ process: pid_t) -> Int32 {
        var status: Int32 = 0
        waitpid(process, &status, 0)
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + status & 0x7F
    }

    struct Result: Equatable {
        var status: Int32
        var output, errors: String
    }

    /// Runs a program to its end, with nothing to read.
    static func run(_ program: String, _ arguments: [String], environment: [String: String] = [:]) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "arguments-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let process = try spawn(program, arguments, environment, ownsSession: false) { actions in
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            posix_spawn_file_actions_addopen(&actions, 1, "\(folder)/out", O_WRONLY | O_CREAT, 0o600)
            posix_spawn_file_actions_addopen(&actions, 2, "\(folder)/err", O_WRONLY | O_CREAT, 0o600)
        }
        let status = wait(process)
        return Result(
            status: status, output: try String(contentsOfFile: "\(folder)/out", encoding: .utf8),
            errors: try String(contentsOfFile: "\(folder)/err", encoding: .utf8))
    }

    private static func spawn(
        _ program: String, _ arguments: [String], _ environment: [String: String], ownsSession: Bool,
        _ prepare: (inout posix_spawn_file_actions_t) -> Void
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        prepare(&actions)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        let setsid = ownsSession ? 0x80 : 0
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | Int32(setsid)))
        var inherited = ProcessInfo.processInfo.environment
        inherited["COLUMNS"] = nil
        let variables = inherited.merging(environment) { $1 }.map { strdup("\($0.key)=\($0.value)") } + [nil]
        let words = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for text in variables + words { free(text) } }
        var process: pid_t = 0
        let code = posix_spawnp(&process, program, &actions, &attributes, words, variables)
        guard code == 0 else { throw Failure("\(program): \(String(cString: strerror(code)))") }
        return process
    }

    /// Whether a program is installed.
    static func has(_ program: String) -> Bool {
        ["/usr/bin/", "/bin/", "/usr/local/bin/"].contains { access($0 + program, X_OK) == 0 }
    }

    /// Built beside the tests' own binary.
    static let sample: String = {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(filePath: tests).deletingLastPathComponent().appending(path: "sample-program").path
    }()
}
