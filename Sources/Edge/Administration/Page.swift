import Broker
import Bytes
public import HTTPEdge

/// What the API lists, a page at a time.
public protocol Listed: Codable, Sendable {
    /// What a page calls them.
    static var plural: String { get }
    /// The parameter of the query that says where a page begins.
    static var parameter: String { get }
    /// Where the next page begins.
    associatedtype Cursor: Codable & Sendable = String
}

extension Listed {
    public static var parameter: String { "after" }
}

/// A page of a list: its elements under their own name, and where the next one begins.
public struct Page<Element: Listed>: Codable, Sendable, DescribedReply {
    public static var details: [String: String] { [:] }
    public static var schemaName: String? { "\(Element.self)".replacing("Summary", with: "") + "Page" }

    public let elements: [Element]
    /// `nil` when there are no more.
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
    ///   - next: where the page behind an element begins.
    ///   - fetch: reads so many.
    func page<Found, Element: Listed>(
        _ element: (Found) async throws -> Element, next: (Found) -> Element.Cursor,
        _ fetch: (_ limit: Int) async throws -> [Found]
    ) async throws -> Page<Element> {
        let limit = try query.limit()
        let found = try await fetch(limit + 1)
        var elements: [Element] = []
        for one in found.prefix(limit) { elements.append(try await element(one)) }
        return Page(elements, next: found.count > limit ? found.prefix(limit).last.map(next) : nil)
    }

    /// The same of what whoever asks may name, in the order of names.
    func page<Found, Element: Listed>(
        _ element: (Found) async throws -> Element, within admission: Admission, _ kind: NameScope.Kind, by name: (Found) -> String,
        _ fetch: (_ after: String, _ limit: Int) async throws -> [Found]
    ) async throws -> Page<Element> where Element.Cursor == String {
        try await page(element, next: name) {
            try await admission.reach.page(after: query["after"] ?? "", limit: $0, of: kind, named: name, fetch)
        }
    }
}
