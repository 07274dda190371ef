/// The name of a vendor's document, e.g. `vcek/Milan/<chip>/<TCB>`. Each technology makes its own.
public struct EndorsementName: Sendable, Hashable, CustomStringConvertible {
    public let text: String

    public init(_ text: String) { self.text = text }

    /// For people.
    public var description: String { AMDDocument(self)?.description ?? text }

    public static func == (a: EndorsementName, b: EndorsementName) -> Bool {
        a.text.utf8.elementsEqual(b.text.utf8)
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(Array(text.utf8)) }
}
