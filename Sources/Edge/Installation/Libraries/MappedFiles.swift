import Files

/// The executable files in a process's memory that were replaced on the disk: after an update a process runs the old
/// files until it is restarted.
package struct MappedFiles: Sendable {
    /// Paths of the replaced or removed files, sorted.
    package let replaced: [String]

    /// - Parameter process: a process id; `nil`: this process.
    /// - Returns: `nil` if the kernel does not tell: another user's process, or no /proc.
    package init?(of process: Int32? = nil) {
        let file = process.map { "/proc/\($0)/maps" } ?? "/proc/self/maps"
        guard let text = try? File.readText(file, atMost: 16 << 20), !text.isEmpty else { return nil }
        self.init(text)
    }

    /// - Parameter maps: lines of addresses, rights, offset, device, inode, path and perhaps a mark. Source: proc(5).
    ///   Inodes are not compared: on an overlay, as in containers, they are those of another file system.
    init(_ maps: String) {
        var replaced: Set<String> = []
        for line in maps.split(separator: "\n") where line.hasSuffix(Self.mark) {
            let fields = line.dropLast(Self.mark.count).split(separator: " ", maxSplits: 5)
            // The path follows a run of spaces, and may contain spaces.
            let path = fields.last?.drop { $0 == " " } ?? ""
            // Mappings without a file on the disk carry the mark too.
            guard fields.count == 6, fields[1].contains("x"), path.hasPrefix("/"), !path.hasPrefix("/memfd:"),
                !path.hasPrefix("/dev/"), !path.hasPrefix("/SYSV")
            else { continue }
            replaced.insert(String(path))
        }
        self.replaced = replaced.sorted()
    }

    private static let mark = " (deleted)"
}
