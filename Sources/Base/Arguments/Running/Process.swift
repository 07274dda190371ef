import Files
import Glibc

extension ParsableCommand {
    /// Runs the command, and ends the process with its status.
    ///
    /// - Parameter arguments: without the program's name.
    public static func main(_ arguments: [String] = Array(CommandLine.arguments.dropFirst())) async -> Never {
        Terminal.prepare()
        var ending = await ending(of: arguments, width: Terminal.width)
        if !ending.output.isEmpty { Output.print(ending.output, terminator: "") }
        if let failure = Output.flushed() {
            if failure.code == EPIPE { Terminal.endWithoutReader() }
            // The command may have reported it.
            if !ending.errors.contains(failure.description) { ending.errors += "Error: \(failure)\n" }
            if ending.status == 0 { ending.status = ExitCode.failure.rawValue }
        }
        // A failure cannot be reported.
        try? StandardStream.errors.write(Array(ending.errors.utf8))
        Glibc.exit(ending.status)
    }

    /// Ends the process with an error, for failures before any command.
    public static func exit(withError error: any Error) -> Never {
        try? StandardStream.errors.write(Array("Error: \(error)\n".utf8))
        Glibc.exit(ExitCode.failure.rawValue)
    }
}
