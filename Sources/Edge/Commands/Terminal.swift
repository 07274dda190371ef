import Evidence
import FoundationEssentials
import Glibc

/// Colours and questions, on a terminal only.
enum Terminal {
    enum Colour: String { case green = "32", red = "31", yellow = "33", bold = "1" }

    static let isInteractive = isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil

    /// Whether input and output are a terminal.
    static let canAsk = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1

    /// Asks a question; any answer but `y` or `yes` is a no.
    static func confirm(_ question: String) -> Bool {
        print("\(question) [y/N] ", terminator: "")
        fflush(nil)
        return ["y", "yes"].contains(readLine()?.lowercased())
    }

    static func paint(_ text: String, _ colour: Colour) -> String {
        isInteractive ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
    }

    static func emphasise(_ word: String, _ outcome: Check.Outcome) -> String {
        switch outcome {
        case .passed: paint(word, .green)
        case .failed: paint(word, .red)
        case .unproven: paint(word, .yellow)
        }
    }
}
