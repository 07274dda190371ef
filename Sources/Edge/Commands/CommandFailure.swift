/// Why a command came to nothing, as a sentence. Usage is not shown with it: the words of the command line are right.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
