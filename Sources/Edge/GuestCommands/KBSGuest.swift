package import Arguments
import Release

/// The program `kbs-guest`: `kbs guest` alone, for an initramfs.
package struct KBSGuest: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "kbs-guest", abstract: GuestCommand.configuration.abstract,
        discussion: GuestCommand.configuration.discussion, version: Build.version,
        subcommands: GuestCommand.configuration.subcommands)

    package init() {}
}
