import Concurrency

/// One argument of a command, as parsing, help, completions and the manual see it.
struct Declaration: Sendable {
    enum Form: Sendable { case positional, option, flag }

    let form: Form
    /// Without dashes; a positional argument has it for its value only.
    let name: String
    let valueName: String
    let abstract: String
    /// As help shows it; nil when there is none, or none to see.
    let defaultText: String?
    let allValues: [String]
    var isRequired: Bool
    /// Of a group that need not be given: whether it is, so that the argument must be too.
    var isDue: (@Sendable () -> Bool)?
    let isRepeating: Bool
    let strategy: ArrayParsingStrategy
    /// The option group that it came with.
    var group: ObjectIdentifier?

    fileprivate let target: any Fillable

    /// As it is typed, without a value.
    var typed: String { form == .positional ? "<\(valueName)>" : "--\(name)" }
    /// With a value, as errors name it and help lists it.
    var label: String { form == .option ? "--\(name) <\(valueName)>" : typed }
    /// The same for one that must be given.
    var demand: String { label + (isRepeating ? " ..." : "") }
    /// As usage has it.
    var synopsis: String { isRequired ? demand : "[\(demand)]" }

    var isGiven: Bool { target.isGiven }
    var isMissing: Bool { !isGiven && (isRequired || isDue?() ?? false) }

    /// - Throws: ``UnreadableValue``.
    func take(_ word: String) throws { try target.take(word) }
}

/// A word that is no value of an argument.
struct UnreadableValue: Error {
    /// The end of a sentence, if more is known than that.
    let reason: String
}

/// A property wrapper over one argument or a group of them.
protocol Declared {
    func declarations(property: String) -> [Declaration]
}

extension ParsableArguments {
    /// In the order in which they are written.
    var declarations: [Declaration] {
        Mirror(reflecting: self).children.flatMap { child -> [Declaration] in
            guard let declared = child.value as? any Declared, let label = child.label else { return [] }
            // The storage of a wrapped property has an underscore before its name.
            return declared.declarations(property: String(label.drop { $0 == "_" }))
        }
    }

    /// The groups that it includes and that are given, the innermost first, and itself.
    var validated: [any ParsableArguments] {
        Mirror(reflecting: self).children.flatMap { child in
            (child.value as? any DeclaredGroup).flatMap { $0.isGiven ? $0.arguments.validated : nil } ?? []
        } + [self]
    }
}

protocol DeclaredGroup: Declared {
    var arguments: any ParsableArguments { get }
    /// False for one that need not be given, and is not.
    var isGiven: Bool { get }
}

private protocol Fillable: Sendable {
    var isGiven: Bool { get }
    func take(_ word: String) throws
}

/// The reference behind a property wrapper, which parsing fills in: wrappers are values, and a mirror shows copies.
final class Box<Value: Sendable>: Fillable {
    typealias Reader = @Sendable (_ word: String, _ given: Value?) throws -> Value

    private let standard: Value?
    private let given = Lock<Value?>(nil)
    private let read: Reader

    /// - Parameters:
    ///   - standard: the value when none is given; nil when one must be.
    ///   - read: makes a value from a word and, for repeatable arguments, from what was given before it.
    init(_ standard: Value?, read: @escaping Reader) {
        (self.standard, self.read) = (standard, read)
    }

    var isGiven: Bool { given.withLock { $0 != nil } }

    func take(_ word: String) throws {
        let before = given.withLock { $0 }
        let value = try read(word, before)
        given.withLock { $0 = value }
    }

    var value: Value {
        guard let value = given.withLock({ $0 }) ?? standard else {
            preconditionFailure("an argument without a default was read before anything was parsed")
        }
        return value
    }

    /// - Parameter custom: the name, if it is not the property's.
    func declaration(
        _ form: Declaration.Form, property: String, name custom: String? = nil, _ help: ArgumentHelp?,
        defaultText: String? = nil, allValues: [String] = [], isRepeating: Bool = false,
        strategy: ArrayParsingStrategy = .singleValue
    ) -> Declaration {
        let name = custom ?? kebabCase(property)
        return Declaration(
            form: form, name: name, valueName: help?.valueName ?? name, abstract: help?.abstract ?? "",
            defaultText: defaultText.flatMap { $0.isEmpty ? nil : $0 }, allValues: allValues,
            isRequired: standard == nil, isRepeating: isRepeating, strategy: strategy, target: self)
    }
}

extension ExpressibleByArgument {
    static func reading(_ word: String) throws -> Self {
        if let value = Self(argument: word) { return value }
        let choices = allValueStrings.map { "'\($0)'" }
        guard let last = choices.last else { throw UnreadableValue(reason: "") }
        let before = choices.dropLast().joined(separator: ", ")
        throw UnreadableValue(reason: ". Please provide one of \(before.isEmpty ? last : "\(before) or \(last)").")
    }
}
