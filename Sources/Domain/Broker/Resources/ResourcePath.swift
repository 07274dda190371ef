/// A resource's name: `repository/type/tag`, three segments of ASCII letters, digits, `_`, `-` and `.`.
///
/// Source: the KBS protocol, "Resource". A segment is never `.` or `..`, so that each resource has one path.
public struct ResourcePath: Sendable, Hashable, CustomStringConvertible {
    public let repository: String
    public let type: String
    public let tag: String

    /// - Parameter text: the path without a slash before or after it.
    /// - Throws: a ``Refusal`` that says what is wrong with it.
    public init(_ text: some StringProtocol) throws(Refusal) {
        let segments = String(text).split(separator: "/" as Character, omittingEmptySubsequences: false).map {
            String($0)
        }
        guard segments.count == 3 else {
            throw Refusal(.invalidField, "A resource's path has three segments: repository/type/tag.")
        }
        try self.init(repository: segments[0], type: segments[1], tag: segments[2])
    }

    /// - Throws: a ``Refusal`` that says what is wrong with it.
    public init(repository: String, type: String, tag: String) throws(Refusal) {
        let segments = [repository, type, tag]
        guard segments.allSatisfy(Self.isSegment) else {
            throw Refusal(
                .invalidField,
                "Each segment of a resource's path has 1 to \(Self.longestSegment) characters of A-Z a-z 0-9 _ - . and "
                    + "is not \".\" or \"..\".")
        }
        (self.repository, self.type, self.tag) = (repository, type, tag)
    }

    /// In bytes.
    public static let longestSegment = 100

    public var text: String { "\(repository)/\(type)/\(tag)" }

    public var description: String { text }

    private static func isSegment(_ text: String) -> Bool {
        guard (1...longestSegment).contains(text.utf8.count), text != ".", text != ".." else { return false }
        return text.utf8.allSatisfy { $0.isLetterOrDigit || "_-.".utf8.contains($0) }
    }
}

extension ResourcePath {
    /// The workload id of the same text; `nil` when the path is not a valid id.
    var workloadID: WorkloadID? { try? WorkloadID(text) }
}

extension WorkloadID {
    /// The resource path of the same text; `nil` when the id is not a valid path. Workloads and resources share one
    /// name space: a name is never both.
    var resourcePath: ResourcePath? { try? ResourcePath(text) }
}
