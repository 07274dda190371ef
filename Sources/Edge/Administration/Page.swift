import Broker
import Bytes
public import HTTPEdge

/// An element of a list that the API returns in pages.
public protocol Listed: Codable, Sendable {
    /// The member of a page that holds the elements.
    static var plural: String { get }
    /// The query parameter for the start of a page.
    static var parameter: String { get }
    /// The value of that parameter.
    associatedtype Cursor: Codable & Sendable = String
}

extension Listed {
    public static var parameter: String { "after" }
}

/// A page of a list: its elements under their own name, and the cursor of the next page.
public struct Page<Element: Listed>: Codable, Sendable, DescribedReply {
    public static var details: [String: String] { [:] }
    public static var schemaName: String? { "\(Element.self)".replacing("Summary", with: "") + "Page" }

    public let elements: [Element]
    /// `nil` on the last page.
    public let next: Element.Cursor?

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(_ elements: [Element], next: Element.Cursor?) { (self.elements, self.next) = (elements, next) }

    public init(from decoder: any Decoder) throws {
        let page = try decoder.container(keyedBy: Key.self)
        elements = try page.decode([Element].self, forKey: Key(stringValue: Element.plural))
        next = try page.decodeIfPresent(Element.Cursor.self, forKey: Key(stringValue: "next"))
    }

    public func encode(to encoder: any Encoder) throws {
        var page = encoder.container(keyedBy: Key.self)
        try page.encode(elements, forKey: Key(stringValue: Element.plural))
        try page.encodeIfPresent(next, forKey: Key(stringValue: "next"))
    }
}

extension Request {
    /// The page that the query asks for.
    ///
    /// - Parameters:
    ///   - next: the cursor of the page after an element.
    ///   - fetch: reads at most `limit` rows.
    func page<Found, Element: Listed>(
        _ element: (Found) -> Element, next: (Found) -> Element.Cursor,
        _ fetch: (_ limit: Int) async throws -> [Found]
    ) async throws -> Page<Element> {
        let (found, last) = try await rows(fetch)
        return Page(found.map(element), next: last.map(next))
    }

    /// The page that the query asks for, of the names within an admission's reach, in their order.
    func page<Found, Element: Listed>(
        _ element: (Found) -> Element, within admission: Admission, _ kind: NameScope.Kind, by name: (Found) -> String,
        _ fetch: (_ after: String, _ limit: Int) async throws -> [Found]
    ) async throws -> Page<Element> where Element.Cursor == String {
        let (found, last) = try await rows(within: admission, kind, by: name, fetch)
        return Page(found.map(element), next: last.map(name))
    }

    /// The rows of the same page, for elements that need more reads.
    func rows<Found>(
        within admission: Admission, _ kind: NameScope.Kind, by name: (Found) -> String,
        _ fetch: (_ after: String, _ limit: Int) async throws -> [Found]
    ) async throws -> (found: [Found], last: Found?) {
        try await rows {
            try await admission.reach.page(after: query["after"] ?? "", limit: $0, of: kind, named: name, fetch)
        }
    }

    /// - Returns: the rows, and the last of them if more follow.
    private func rows<Found>(
        _ fetch: (_ limit: Int) async throws -> [Found]
    ) async throws -> (found: [Found], last: Found?) {
        let limit = try query.limit()
        let found = try await fetch(limit + 1)
        let page = Array(found.prefix(limit))
        return (page, found.count > limit ? page.last : nil)
    }
}
