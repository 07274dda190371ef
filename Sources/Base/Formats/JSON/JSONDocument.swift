import Bytes

/// A JSON text, with a node for each value and each member's name, in their order.
///
/// Nodes refer to the text: parsing copies only texts with escapes and arrays of small numbers.
final class JSONDocument: Sendable {
    let source: [UInt8]
    let nodes: [Node]
    /// Unescaped texts, and arrays of numbers of 0 to 255 as bytes.
    let pool: [UInt8]
    /// The value that contained this text, for ``JSON/embedded(limits:)``.
    let outer: JSON?
    /// Whether the text holds a secret; it is the only copy then.
    private let isSecret: Bool

    init(source: [UInt8], nodes: [Node], pool: [UInt8], outer: JSON?, isSecret: Bool = false) {
        (self.source, self.nodes, self.pool, self.outer) = (source, nodes, pool, outer)
        self.isSecret = isSecret
    }

    deinit {
        guard isSecret else { return }
        source.wipeInPlace()
        pool.wipeInPlace()
    }

    struct Node {
        enum Kind: UInt8 { case null, isFalse, isTrue, number, text, array, object, smallNumbers, name }

        let kind: Kind
        /// Whether `content` is a range of the pool instead of the source.
        var isPooled = false
        /// The range in the source, with quotation marks or brackets.
        let start: UInt32
        var end: UInt32
        /// The text between the quotation marks, or an array's numbers.
        var contentStart: UInt32 = 0
        var contentEnd: UInt32 = 0
        /// The array of an element, the name of a value, the object of a name.
        let parent: UInt32
        /// The node after this one and its contents.
        var next: UInt32 = 0

        init(_ kind: Kind, start: Int, end: Int, parent: Int) {
            self.kind = kind
            self.start = UInt32(truncatingIfNeeded: start)
            self.end = UInt32(truncatingIfNeeded: end)
            self.parent = UInt32(truncatingIfNeeded: parent)
        }

        var content: Range<Int> { Int(contentStart)..<Int(contentEnd) }
        var range: Range<Int> { Int(start)..<Int(end) }
    }

    /// The content of a text or name.
    func content(_ node: Node) -> ArraySlice<UInt8> { node.isPooled ? pool[node.content] : source[node.content] }

    /// The value of an object's member.
    func member(_ name: String, of object: Int) -> Int? {
        let wanted = name.utf8
        var index = object + 1
        while index < nodes[object].next {
            let node = nodes[index]
            if node.contentEnd - node.contentStart == wanted.count, content(node).elementsEqual(wanted) {
                return index + 1
            }
            index = Int(nodes[index + 1].next)
        }
        return nil
    }

    /// The elements of an array, or the values of an object.
    func children(of index: Int) -> [Int] {
        let step = nodes[index].kind == .object ? 1 : 0
        var children: [Int] = []
        var child = index + 1 + step
        while child < nodes[index].next + UInt32(step) {
            children.append(child)
            child = Int(nodes[child].next) + step
        }
        return children
    }

    /// The names, in printable form, and indices that lead to a value, joined by dots.
    func path(_ index: Int, element: Int?) -> String {
        var parts = element.map { ["\($0)"] } ?? []
        var index = index
        while index > 0 {
            let parent = Int(nodes[index].parent)
            switch nodes[parent].kind {
            case .name:
                parts.append(JSON.printable(content(nodes[parent])))
                index = Int(nodes[parent].parent)
            default:
                parts.append("\(children(of: parent).firstIndex(of: index) ?? 0)")
                index = parent
            }
        }
        if let outer { parts.append(outer.path) }
        return parts.isEmpty ? "at the top" : parts.reversed().joined(separator: ".")
    }
}
