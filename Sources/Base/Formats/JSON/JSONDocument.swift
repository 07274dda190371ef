import Bytes

/// A JSON text with an entry for each value and each member's name, in the order in which they stand.
///
/// Entries name places in the text, so that reading it copies nothing but what has escapes and arrays of small numbers.
final class JSONDocument: Sendable {
    let source: [UInt8]
    let nodes: [Node]
    /// Texts without their escapes, and arrays of numbers of 0 to 255 as bytes.
    let pool: [UInt8]
    /// The value that this text stood in, when it is a text in another JSON.
    let outer: JSON?
    /// Whether the text holds a secret, and nobody else holds the text.
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
        /// Whether `content` is a range of the pool, not of the source.
        var isPooled = false
        /// Where it stands in the source, with its quotation marks or brackets.
        let start: UInt32
        var end: UInt32
        /// The text between the quotation marks, or an array's numbers.
        var contentStart: UInt32 = 0
        var contentEnd: UInt32 = 0
        /// An array for its elements, a name for its value, an object for its names.
        let parent: UInt32
        /// The entry behind everything in it.
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

    /// What a text says, or a name.
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

    /// Names and numbers that lead to a value, with dots between them; names are a stranger's, and cut to what can be shown.
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
