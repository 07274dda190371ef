public import Bytes
import Glibc

/// Asks for a secret at a terminal, which does not show what is typed.
public struct SecretPrompt: Sendable {
    /// Why there is no secret, as a sentence.
    public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        public let description: String
    }

    private let input, output: Int32

    /// For tests, which have a terminal of their own.
    init(input: Int32, output: Int32) { (self.input, self.output) = (input, output) }

    /// - Returns: nil unless standard input is a terminal, where somebody can be asked.
    public static func standard() -> SecretPrompt? {
        isatty(STDIN_FILENO) == 1 ? SecretPrompt(input: STDIN_FILENO, output: STDERR_FILENO) : nil
    }

    /// A terminal gives a line of no more bytes, and drops the rest without a word.
    private static let longest = 4_094

    /// Asks twice, so that a slip of the finger is not kept.
    ///
    /// - Parameter name: what it is, e.g. "Secret".
    /// - Throws: ``Failure`` when the two differ, when nothing is typed, or more than a terminal takes.
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
        // The line end was not shown either.
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

/// What a signal handler can reach: the terminal's settings before, and where it is.
///
/// They are on the heap: for a variable of a C structure with padding Swift 6.3 sets aside less room than it writes.
nonisolated(unsafe) private let settingsBefore = UnsafeMutablePointer<termios>.allocate(capacity: 1)
nonisolated(unsafe) private var hiddenTerminal: Int32 = -1

/// Keeps a terminal from showing what is typed, until it ends or a signal ends the program.
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
                // Each of these may be called here: POSIX lists them.
                tcsetattr(hiddenTerminal, TCSANOW, settingsBefore)
                Glibc.signal(signal, SIG_DFL)
                raise(signal)
            }
            if sigaction(signal, &action, &old) == 0 { actions.append((signal, old)) }
        }
        settings.c_lflag &= ~tcflag_t(ECHO | ECHOE | ECHOK | ECHONL)
        // A stopped program would leave the shell a terminal that shows nothing.
        settings.c_cc.10 = 0
        // What was typed before was seen.
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
