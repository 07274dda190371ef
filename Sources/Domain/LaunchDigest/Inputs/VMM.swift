/// AMD's technologies; the launch digest is computed differently for each.
public enum SEVTechnology: String, Sendable, CaseIterable {
    /// SEV-SNP: SHA-384 over the pages in the order of adding, with their addresses and types.
    case snp
    /// SEV-ES: SHA-256 over the memory and each vCPU's VMSA.
    case sevES = "sev-es"
    /// SEV: SHA-256 over the memory.
    case sev
}

/// The virtual machine monitor that loads a guest. Each adds pages and sets registers in its own way.
public enum VMM: String, Sendable, CaseIterable {
    case qemu
    /// Amazon EC2 (Nitro).
    case ec2
    /// Google Compute Engine (Vanadium).
    case gce
    /// libkrun, which loads kernel and initrd itself, without OVMF.
    case krun

    /// The technologies for which this VMM's digests are known.
    public var technologies: [SEVTechnology] {
        switch self {
        case .qemu, .krun: SEVTechnology.allCases
        case .ec2, .gce: [.snp]
        }
    }

    /// The known forms of the VMSA, the usual one first.
    public var vmsaForms: [VMSAForm] {
        switch self {
        case .qemu, .ec2: [.newer, .older]
        case .gce: [.newer]
        case .krun: [.older, .newer]
        }
    }
}

/// The form of the state that a host writes into VMSAs. Hosts changed it, and with it the digest.
///
/// - QEMU: Linux 6.10 and later write MXCSR 0x1f80 and FCW 0x37f; earlier hosts, and QEMU with `legacy-vm-type=on`,
///   leave both zero.
/// - EC2: RDX is 0x600; before 2026 it was 0.
/// - krun: the older form is that of `krunfw_measurement`, with MXCSR and FCW zero; the newer has them as QEMU does, as is
///   expected of Linux 6.11 and later, and has not been seen on hardware.
/// - GCE: one form is known.
public enum VMSAForm: String, Sendable, CaseIterable { case newer, older }
