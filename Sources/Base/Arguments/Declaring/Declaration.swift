import Concurrency

/// An argument of a command, for parsing, help, completions and the manual.
struct Declaration: Sendable {
    enum Form: Sendable { case positional, option, flag }

    let form: Form
    /// Without dashes; for a positional argument, the default of its value's name.
    let name: String
    let valueName: String
    let abstract: String
    /// For help; nil without a default, or for an empty one.
    let defaultText: String?
    let allValues: [String]
    var isRequired: Bool
    /// Whether an optional group is given, in which the argument is required.
    var isDue: (@Sendable () -> Bool)?
    let isRepeating: Bool
    let strategy: ArrayParsingStrategy
    /// The option group that declares it.
    var group: ObjectIdentifier?

    fileprivate let target: any Fillable

    /// `--limit` or `<path>`.
    var typed: String { form == .positional ? "<\(valueName)>" : "--\(name)" }
    /// `--limit <limit>` or `<path>`, for errors and help.
    var label: String { form == .option ? "--\(name) <\(valueName)>" : typed }
    /// `--limit <limit> ...`, if repeatable.
    var demand: String { label + (isRepeating ? " ..." : "") }
    /// For usage: in brackets, if optional.
    var synopsis: String { isRequired ? demand : "[\(demand)]" }

    var isGiven: Bool { target.isGiven }
    var isMissing: Bool { !isGiven && (isRequired || isDue?() ?? false) }

    /// - Throws: ``UnreadableValue``.
    func take(_ word: String) throws { try target.take(word) }
}

/// A word that is not a valid value.
struct UnreadableValue: Error {
    /// The end of a sentence; may be empty.
    let reason: String
}

/// A property wrapper of an argument or a group of arguments.
protocol Declared {
    func declarations(property: String) -> [Declaration]
}

extension ParsableArguments {
    /// In source order.
    var declarations: [Declaration] {
        Mirror(reflecting: self).children.flatMap { child -> [Declaration] in
            guard let declared = child.value as? any Declared, let label = child.label else { return [] }
            // A wrapped property's storage is named `_property`.
            return declared.declarations(property: String(label.drop { $0 == "_" }))
        }
    }

    /// Its given groups, the innermost first, and itself.
    var validated: [any ParsableArguments] {
        Mirror(reflecting: self).children.flatMap { child in
            (child.value as? any DeclaredGroup).flatMap { $0.isGiven ? $0.arguments.validated : nil } ?? []
        } + [self]
    }
}

protocol DeclaredGroup: Declared {
    var arguments: any ParsableArguments { get }
    /// False for an optional group without arguments.
    var isGiven: Bool { get }
}

private protocol Fillable: Sendable {
    var isGiven: Bool { get }
    func take(_ word: String) throws
}

/// A property wrapper's storage, filled in by parsing. A reference, as a mirror shows copies of wrappers.
final class Box<Value: Sendable>: Fillable {
    typealias Reader = @Sendable (_ word: String, _ given: Value?) throws -> Value

    private let defaultValue: Value?
    private let given = Lock<Value?>(nil)
    private let read: Reader

    /// - Parameters:
    ///   - defaultValue: nil for a required argument.
    ///   - read: makes a value from a word and, for repeatable arguments, the value so far.
    init(_ defaultValue: Value?, read: @escaping Reader) {
        (self.defaultValue, self.read) = (defaultValue, read)
    }

    var isGiven: Bool { given.withLock { $0 != nil } }

    func take(_ word: String) throws {
        let before = given.withLock { $0 }
        let value = try read(word, before)
        given.withLock { $0 = value }
    }

    var value: Value {
        guard let value = given.withLock({ $0 }) ?? defaultValue else {
            preconditionFailure("an argument without a default was read before anything was parsed")
        }
        return value
    }

    /// - Parameter custom: the name; nil for the property's.
    func declaration(
        _ form: Declaration.Form, property: String, name custom: String? = nil, _ help: ArgumentHelp?,
        defaultText: String? = nil, allValues: [String] = [], isRepeating: Bool = false,
        strategy: ArrayParsingStrategy = .singleValue
    ) -> Declaration {
        let name = custom ?? kebabCase(property)
        return Declaration(
            form: form, name: name, valueName: help?.valueName ?? name, abstract: help?.abstract ?? "",
            defaultText: defaultText.flatMap { $0.isEmpty ? nil : $0 }, allValues: allValues,
            isRequired: defaultValue == nil, isRepeating: isRepeating, strategy: strategy, target: self)
    }
}

extension ExpressibleByArgument {
    static func reading(_ word: String) throws -> Self {
        if let value = Self(argument: word) { return value }
        let choices = allValueStrings.map { "'\($0)'" }
        guard let last = choices.last else {
            throw UnreadableValue(reason: reason(against: word).map { ". \($0)" } ?? "")
        }
        let before = choices.dropLast().joined(separator: ", ")
        throw UnreadableValue(reason: ". Please provide one of \(before.isEmpty ? last : "\(before) or \(last)").")
    }
}
