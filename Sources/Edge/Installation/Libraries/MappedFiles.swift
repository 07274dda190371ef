import Files

/// The program and the libraries that a process has in memory, and whether the disk has others in their place by now.
///
/// An update puts new files under the old names; a process goes on with the old ones until it is started again.
package struct MappedFiles: Sendable {
    /// Paths of files that are not there any more, or are others now, sorted.
    package let replaced: [String]

    /// - Parameter process: its number; this one when there is none.
    /// - Returns: `nil` when the kernel does not tell: another user's process, or no /proc.
    package init?(of process: Int32? = nil) {
        let file = process.map { "/proc/\($0)/maps" } ?? "/proc/self/maps"
        guard let text = try? File.readText(file, atMost: 16 << 20), !text.isEmpty else { return nil }
        self.init(text)
    }

    /// - Parameter maps: as proc(5) describes it: addresses, rights, offset, device, inode, path and perhaps a mark.
    ///   Numbers of inodes are not compared: on an overlay, as in containers, they are those of another file system.
    init(_ maps: String) {
        var replaced: Set<String> = []
        for line in maps.split(separator: "\n") where line.hasSuffix(Self.mark) {
            let fields = line.dropLast(Self.mark.count).split(separator: " ", maxSplits: 5)
            // The path stands in a column of its own, behind spaces, and may have some in it.
            let path = fields.last?.drop { $0 == " " } ?? ""
            // What is not a file of the disk counts as removed too.
            guard fields.count == 6, fields[1].contains("x"), path.hasPrefix("/"), !path.hasPrefix("/memfd:"),
                !path.hasPrefix("/dev/"), !path.hasPrefix("/SYSV")
            else { continue }
            replaced.insert(String(path))
        }
        self.replaced = replaced.sorted()
    }

    private static let mark = " (deleted)"
}
