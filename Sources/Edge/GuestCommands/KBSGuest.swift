package import Arguments
import Guest

/// The program `kbs-guest`: `kbs guest` without the rest, for an initramfs.
package struct KBSGuest: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "kbs-guest", abstract: GuestCommand.configuration.abstract,
        discussion: GuestCommand.configuration.discussion, version: GuestProgram.version,
        subcommands: GuestCommand.configuration.subcommands)

    package init() {}
}
