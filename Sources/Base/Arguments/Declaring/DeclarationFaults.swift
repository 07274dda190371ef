extension ParsableCommand {
    /// The contradictory declarations of this command and its subcommands, as sentences, for a test.
    public static var declarationFaults: [String] { CommandPath(root: Self.self).all.flatMap(\.faults) }
}

extension CommandPath {
    fileprivate var faults: [String] {
        let all = declarations
        var faults: [String] = []
        let names = BuiltIn.options(of: self).flatMap(\.names) + all.filter { $0.form != .positional }.map(\.typed)
        for name in Set(names) where names.count(where: { $0 == name }) > 1 {
            faults.append("\(text) has \(name) twice")
        }
        if hasSubcommands, !all.isEmpty { faults.append("\(text) has arguments of its own beside commands") }
        let places = all.filter { $0.form == .positional }
        for (place, next) in zip(places, places.dropFirst()) {
            if place.isRepeating { faults.append("\(text): \(place.typed) leaves nothing for \(next.typed)") }
            if !place.isRequired, next.isRequired {
                faults.append("\(text): \(place.typed) may be left out, and \(next.typed) behind it may not")
            }
        }
        let commands = subcommands.map { $0.command.name }
        if Set(commands).count != commands.count { faults.append("\(text) has two commands of one name") }
        if let name = defaultSubcommand?.command.name, !commands.contains(name) {
            faults.append("\(text): the default command \(name) is not one of its own")
        }
        return faults
    }
}
