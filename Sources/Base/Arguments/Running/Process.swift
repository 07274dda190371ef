import Files
import Glibc

extension ParsableCommand {
    /// Runs the command that the words name, and ends the process with its status.
    ///
    /// - Parameter arguments: without the program's name.
    public static func main(_ arguments: [String] = Array(CommandLine.arguments.dropFirst())) async -> Never {
        Terminal.prepare()
        var ending = await ending(of: arguments, width: Terminal.width)
        if !ending.output.isEmpty { Output.print(ending.output, terminator: "") }
        if let failure = Output.flushed() {
            if failure.code == EPIPE { Terminal.endWithoutReader() }
            // A command that was told has said so itself.
            if !ending.errors.contains(failure.description) { ending.errors += "Error: \(failure)\n" }
            if ending.status == 0 { ending.status = ExitCode.failure.rawValue }
        }
        // There is nowhere to tell that this failed.
        try? StandardStream.errors.write(Array(ending.errors.utf8))
        Glibc.exit(ending.status)
    }

    /// Ends the process with an error's sentence, as a command that throws it would: for what no command can do without.
    public static func exit(withError error: any Error) -> Never {
        try? StandardStream.errors.write(Array("Error: \(error)\n".utf8))
        Glibc.exit(ExitCode.failure.rawValue)
    }
}
