import Bytes
public import Foundation

/// C2SP's test vectors, when they are beside the project: `../shared/vectors/wycheproof`, or where `KBS_SHARED` says.
public enum Wycheproof {
    public static let folder = Vectors.folder.appending(path: "vectors/wycheproof")

    /// For `.enabled(if:)`: without the data a test says that it was skipped.
    public static let isPresent = FileManager.default.fileExists(atPath: folder.path)

    /// The names of all files, without `.json`.
    public static func files() throws -> Set<String> {
        Set(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".json") }
                .map { String($0.dropLast(5)) })
    }

    /// Why a file is not what a reader of it expects.
    public struct Unread: Error, CustomStringConvertible {
        public let description: String

        public init(_ description: String) { self.description = description }
    }

    /// Holds a function against every test of a file.
    ///
    /// - Parameters:
    ///   - kind: `type` of every group. Another group is unread, which is a failure.
    ///   - refusable: the rules by which a test that the file calls valid may be refused.
    ///   - answer: what we make of a test.
    /// - Returns: what became of the tests.
    /// - Throws: ``Unread`` when a group is of another type, or a test is missing.
    public static func run(
        _ file: String, kind: String, refusable: Set<String> = [],
        _ answer: (_ group: Values, _ test: Values) throws -> Outcome
    ) throws -> Row {
        let data = try Data(contentsOf: folder.appending(path: file + ".json"))
        guard let json = try JSONSerialization.jsonObject(with: data) as? [String: Any],
            let groups = json["testGroups"] as? [[String: Any]]
        else { throw Unread("\(file) has no groups") }
        var row = Row(file: file)
        for group in groups {
            guard group["type"] as? String == kind, let tests = group["tests"] as? [[String: Any]] else {
                throw Unread("\(file) has a group of another type: \(group["type"] ?? "none")")
            }
            for test in tests {
                guard let result = test["result"] as? String, let expected = Expectation(rawValue: result),
                    let id = test["tcId"] as? Int
                else { throw Unread("\(file) has a test without a verdict") }
                row.add(id, expected, try answer(Values(group), Values(test)), refusable)
            }
        }
        guard row.tests == json["numberOfTests"] as? Int else {
            throw Unread("\(file) has \(json["numberOfTests"] ?? "no") tests, and \(row.tests) were read")
        }
        print(row)
        return row
    }

    /// What a test says of itself.
    public enum Expectation: String, Sendable { case valid, invalid, acceptable }

    /// What we make of a test.
    public enum Outcome: Sendable {
        /// The primitive agreed with it: the signature is valid, the text was decrypted to what it should be.
        case accepted
        /// The primitive refused it, or gave something else.
        case rejected
        /// A rule of ours refused it before the primitive saw it.
        case refused(String)
    }

    /// What became of a file's tests: a line of a table.
    public struct Row: CustomStringConvertible, Sendable {
        public let file: String
        public private(set) var tests = 0
        /// With the verdict that the file gives, by the primitive.
        public private(set) var passed = 0
        /// Refused before the primitive, by rule.
        public private(set) var refused: [String: Int] = [:]
        /// Ids of tests with another verdict than the file's.
        public private(set) var failed: [Int] = []

        init(file: String) { self.file = file }

        mutating func add(
            _ id: Int, _ expected: Expectation, _ outcome: Outcome, _ refusable: Set<String>
        ) {
            tests += 1
            switch (expected, outcome) {
            case (.valid, .accepted), (.acceptable, .accepted), (.invalid, .rejected), (.acceptable, .rejected):
                passed += 1
            case (.invalid, .refused(let rule)), (.acceptable, .refused(let rule)): refused[rule, default: 0] += 1
            case (.valid, .refused(let rule)) where refusable.contains(rule): refused[rule, default: 0] += 1
            default: failed.append(id)
            }
        }

        public var description: String {
            let rules = refused.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: "; ")
            let count = refused.values.reduce(0, +)
            let wrong = failed.isEmpty ? "" : " WRONG: \(failed)"
            return "| \(file) | \(tests) | \(passed) | \(count)\(count > 0 ? ": " + rules : "") |\(wrong)"
        }
    }

    /// The members of a group or a test.
    public struct Values {
        private let members: [String: Any]

        public init(_ members: [String: Any]) { self.members = members }

        public subscript(name: String) -> Any? { members[name] }

        public func text(_ name: String) throws -> String {
            guard let text = members[name] as? String else { throw Unread("a test has no \(name)") }
            return text
        }

        public func number(_ name: String) throws -> Int {
            guard let number = members[name] as? Int else { throw Unread("a test has no \(name)") }
            return number
        }

        /// Hex digits.
        public func bytes(_ name: String) throws -> [UInt8] {
            guard let bytes = Hex.decode(try text(name)) else { throw Unread("\(name) is not hex") }
            return bytes
        }

        /// A big-endian number in hex, of which a leading zero may be missing or too much.
        public func bytes(_ name: String, size: Int) throws -> [UInt8] {
            let digits = try text(name)
            guard let bytes = Hex.decode(digits.count.isMultiple(of: 2) ? digits : "0" + digits) else {
                throw Unread("\(name) is not hex")
            }
            let number = bytes.drop { $0 == 0 }
            return Array(repeating: 0, count: max(0, size - number.count)) + number
        }

        public func object(_ name: String) throws -> Values {
            guard let object = members[name] as? [String: Any] else { throw Unread("a test has no \(name)") }
            return Values(object)
        }
    }
}
