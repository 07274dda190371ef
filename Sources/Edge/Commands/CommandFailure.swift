/// Why a command came to nothing, as a sentence. Usage is not shown with it: the words of the command line are right.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String
    let outcome: Outcome

    init(_ description: String, _ outcome: Outcome = .unusable) {
        (self.description, self.outcome) = (description, outcome)
    }
}
