public import Bytes
import Glibc

/// A file with a secret, which others must not be able to read.
public enum PrivateFile {
    /// The treatment of the group's permissions.
    public enum GroupRule: Sendable {
        /// A warning, unless the group is this process's own or that of a set-group-id folder.
        case judged
        /// They are the mask of an access list, by which systemd gives a service's user access to its credentials.
        case isMask
    }

    public struct Contents: Sendable {
        public let secret: Secret
        /// A sentence for the operator.
        public let warning: String?
    }

    /// Reads the file.
    ///
    /// - Throws: ``FileError``, without the contents; with `EACCES` when others than owner and group have access.
    public static func read(
        _ path: String, atMost limit: Int, group: GroupRule = .judged
    ) throws(FileError) -> Contents {
        let file = try OpenFile(path, .readRegular)
        let warning = try examine(path, try file.status(), group)
        var bytes = try file.read(atMost: limit)
        return Contents(secret: Secret(wiping: &bytes), warning: warning)
    }

    /// Checks the permissions without reading.
    ///
    /// - Returns: a warning, if any.
    public static func examine(_ path: String, group: GroupRule = .judged) throws(FileError) -> String? {
        guard let status = FileStatus.of(path) else { throw FileError(path, .look, errno) }
        return try examine(path, status, group)
    }

    private static func examine(
        _ path: String, _ status: FileStatus, _ group: GroupRule
    ) throws(FileError) -> String? {
        switch status.privacy(in: realFolder(of: path)) {
        case .ownerOnly, .trustedGroup: return nil
        case .otherGroup where group == .isMask: return nil
        case .otherGroup(let group):
            return "\(path) can be read by \(group), a group that this process is not in: chmod 600 it, or chgrp it"
        case .everyone:
            let verb =
                switch status.permissions & 0o007 {
                case 0o004...: "read"
                case 0o002...: "written"
                default: "used"
                }
            throw FileError(
                path: path, code: EACCES,
                description: "\(path) can be \(verb) by others than its owner: chmod 600 it, and ask who \(verb) it")
        }
    }

    /// The folder of the file itself: in a Kubernetes volume the path is a link.
    private static func realFolder(of path: String) -> FileStatus? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return Folder.parent(of: String(cString: resolved)).flatMap { FileStatus.of($0) }
    }
}
