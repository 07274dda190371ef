/// How AMD protects a guest; the launch digest is another computation for each.
public enum SEVTechnology: String, Sendable, CaseIterable {
    /// SEV-SNP: SHA-384 over the pages in the order in which they were added, with their addresses and types.
    case snp
    /// SEV-ES: SHA-256 over the memory and each vCPU's VMSA.
    case sevES = "sev-es"
    /// SEV: SHA-256 over the memory.
    case sev
}

/// The virtual machine monitor that loads a guest. Each adds its own pages and has registers of its own.
public enum VMM: String, Sendable, CaseIterable {
    case qemu
    /// Amazon EC2 (Nitro).
    case ec2
    /// Google Compute Engine (Vanadium).
    case gce
    /// libkrun, which loads kernel and initrd itself, without OVMF.
    case krun

    /// Technologies that guests of this VMM have, as far as their digests are known.
    public var technologies: [SEVTechnology] {
        switch self {
        case .qemu, .krun: SEVTechnology.allCases
        case .ec2, .gce: [.snp]
        }
    }

    /// Forms of the VMSA that are known, the usual one first.
    public var vmsaForms: [VMSAForm] {
        switch self {
        case .qemu, .ec2: [.newer, .older]
        case .gce: [.newer]
        case .krun: [.older, .newer]
        }
    }
}

/// Which state a host writes into VMSAs; hosts changed it, and the digest with it.
///
/// - QEMU: Linux 6.10 and later write MXCSR 0x1f80 and FCW 0x37f; earlier hosts, and QEMU with `legacy-vm-type=on`,
///   leave both zero.
/// - EC2: RDX is 0x600; before 2026 it was 0.
/// - krun: the older form is that of `krunfw_measurement`, with MXCSR and FCW zero; the newer has them as QEMU does, as is
///   expected of Linux 6.11 and later, and has not been seen on hardware.
/// - GCE: one form is known.
public enum VMSAForm: String, Sendable, CaseIterable { case newer, older }
