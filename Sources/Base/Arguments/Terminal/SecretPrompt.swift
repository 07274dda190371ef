public import Bytes
import Glibc

/// A prompt for a secret at a terminal, without echo.
public struct SecretPrompt: Sendable {
    /// A failed prompt, as a sentence.
    public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        public let description: String
    }

    private let input, output: Int32

    init(input: Int32, output: Int32) { (self.input, self.output) = (input, output) }

    /// - Returns: nil unless standard input is a terminal.
    public static func standard() -> SecretPrompt? {
        isatty(STDIN_FILENO) == 1 ? SecretPrompt(input: STDIN_FILENO, output: STDERR_FILENO) : nil
    }

    /// The longest line of a terminal, which silently discards the rest.
    private static let longest = 4_094

    /// Asks twice, to detect typing errors.
    ///
    /// - Parameter name: the secret's name, e.g. "Secret".
    /// - Throws: ``Failure`` for different, empty or too long lines.
    public func ask(_ name: String) throws(Failure) -> Secret {
        var first = try line("\(name): ")
        defer { first.wipe() }
        guard !first.isEmpty else { throw Failure(description: "no \(name.lowercased()) was typed") }
        guard first.count < Self.longest else {
            throw Failure(
                description: "a terminal takes lines of up to \(Self.longest) bytes, and may have cut this one: "
                    + "put the \(name.lowercased()) into a file")
        }
        var second = try line("\(name), once more: ")
        defer { second.wipe() }
        guard first == second else { throw Failure(description: "the two were not the same: nothing was done") }
        return Secret(first)
    }

    private func line(_ prompt: String) throws(Failure) -> [UInt8] {
        let hidden = try HiddenInput(input)
        defer { hidden.end() }
        say(prompt)
        // The line end was not echoed.
        defer { say("\n") }
        var bytes = [UInt8](repeating: 0, count: Self.longest + 2)
        var count = bytes.withUnsafeMutableBytes { read(input, $0.baseAddress, $0.count) }
        while count < 0, errno == EINTR {
            count = bytes.withUnsafeMutableBytes { read(input, $0.baseAddress, $0.count) }
        }
        defer { bytes.wipe() }
        guard count >= 0 else { throw Failure(description: "the terminal: \(String(cString: strerror(errno)))") }
        let typed = bytes.prefix(count)
        return Array(typed.last == UInt8(ascii: "\n") ? typed.dropLast() : typed)
    }

    private func say(_ text: String) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { write(output, $0.baseAddress, $0.count) }
    }
}

/// The terminal's former settings and its descriptor, for the signal handler.
///
/// The settings are on the heap: for a global of a C structure with padding, Swift 6.3 reserves less memory than it writes.
nonisolated(unsafe) private let settingsBefore = UnsafeMutablePointer<termios>.allocate(capacity: 1)
nonisolated(unsafe) private var hiddenTerminal: Int32 = -1

/// Disables a terminal's echo, until it ends or a signal ends the program.
private struct HiddenInput {
    private let input: Int32
    private let before: termios
    private var actions: [(signal: Int32, action: sigaction)] = []

    init(_ input: Int32) throws(SecretPrompt.Failure) {
        var settings = termios()
        guard tcgetattr(input, &settings) == 0 else {
            throw SecretPrompt.Failure(description: "the terminal: \(String(cString: strerror(errno)))")
        }
        (self.input, before) = (input, settings)
        settingsBefore.initialize(to: settings)
        hiddenTerminal = input
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            var (action, old) = (sigaction(), sigaction())
            action.__sigaction_handler.sa_handler = { signal in
                // These functions are async-signal-safe.
                tcsetattr(hiddenTerminal, TCSANOW, settingsBefore)
                Glibc.signal(signal, SIG_DFL)
                raise(signal)
            }
            if sigaction(signal, &action, &old) == 0 { actions.append((signal, old)) }
        }
        settings.c_lflag &= ~tcflag_t(ECHO | ECHOE | ECHOK | ECHONL)
        // Disables Ctrl-Z: a stopped program would leave the shell a terminal without echo.
        settings.c_cc.10 = 0
        // Discards earlier input, which was echoed.
        guard tcsetattr(input, TCSAFLUSH, &settings) == 0 else {
            let reason = String(cString: strerror(errno))
            end()
            throw SecretPrompt.Failure(description: "the terminal: \(reason)")
        }
    }

    func end() {
        var before = before
        tcsetattr(input, TCSANOW, &before)
        for (signal, action) in actions {
            var action = action
            sigaction(signal, &action, nil)
        }
    }
}
