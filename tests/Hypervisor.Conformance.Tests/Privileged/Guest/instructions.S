/* The instructions of the cases: X1 is an address, X2 and X3 are data, X0 takes a result. */

    .arch armv8.2-a+sve

    .macro  insn name, text:vararg
77: .asciz  "\name"
    .org    77b + 24
    \text
    .word   0
    .endm

    .section .rodata.tables, "a"
    .balign 8

    .global accesses, accesses_end
accesses:
    insn    ldr, ldr x0, [x1]
    insn    ldrsb, ldrsb w0, [x1]
    insn    str, str x2, [x1]
    insn    strh, strh w2, [x1]
    insn    ldr-pre, ldr x0, [x1, #8]!
    insn    ldp, ldp x0, x3, [x1]
    insn    stp, stp x2, x3, [x1]
    insn    ldr-q, ldr q0, [x1]
    insn    str-q, str q0, [x1]
    insn    ldtr, ldtr x0, [x1]
    insn    sttr, sttr x2, [x1]
    insn    ldar, ldar x0, [x1]
    insn    stlr, stlr x2, [x1]
    insn    ldxr, ldxr x0, [x1]
    insn    stxr, stxr w0, x2, [x1]
    insn    ldadd, ldadd x2, x0, [x1]
    insn    cas, cas x2, x3, [x1]
    insn    prfm, prfm pldl1keep, [x1]
    insn    dc-zva, dc zva, x1
    insn    dc-cvac, dc cvac, x1
    insn    dc-civac, dc civac, x1
    insn    dc-ivac, dc ivac, x1
    insn    ic-ivau, ic ivau, x1
    insn    at-s1e1r, at s1e1r, x1
    insn    at-s1e1w, at s1e1w, x1
    insn    at-s1e0r, at s1e0r, x1
    insn    at-s1e0w, at s1e0w, x1
    insn    at-s1e1rp, at s1e1rp, x1
    insn    at-s1e1wp, at s1e1wp, x1
    insn    br, br x1
    insn    ret, ret x1
accesses_end:

    .global jumps, jumps_end, landings, landings_end
jumps:
    insn    br-x1, br x1
    insn    br-x16, br x16
    insn    br-x17, br x17
    insn    blr-x1, blr x1
    insn    blr-x16, blr x16
    insn    ret-x1, ret x1
    insn    braaz-x1, .inst 0xd61f083f
    insn    braa-x16, .inst 0xd71f0a1f
    insn    blraaz-x1, .inst 0xd63f083f
    insn    b, b .+4
    insn    tbz, tbz xzr, #0, .+4
jumps_end:

landings:
    insn    nop, nop
    insn    bti, .inst 0xd503241f
    insn    bti-c, .inst 0xd503245f
    insn    bti-j, .inst 0xd503249f
    insn    bti-jc, .inst 0xd50324df
    insn    paciasp, .inst 0xd503233f
    insn    pacibsp, .inst 0xd503237f
    insn    paciaz, .inst 0xd503231f
    insn    brk, brk #0x321
    insn    hlt, hlt #0x11
    insn    svc, svc #0x321
    insn    udf, udf #0
    insn    ldr, ldr x0, [x0]
landings_end:

    .global generators, generators_end
generators:
    insn    svc, svc #0x1234
    insn    brk, brk #0x4321
    insn    hlt, hlt #0x11
    insn    smc, smc #0
    insn    udf, udf #0
    insn    unallocated, .inst 0x4a00ffff
    insn    dcps1, dcps1
    insn    fadd, fadd d0, d0, d0
    insn    ldr-d, ldr d0, [x1]
    insn    sve-add, add z0.b, z0.b, z0.b
    insn    rdvl, rdvl x0, #1
    insn    daifset, msr daifset, #2
    insn    daifclr, msr daifclr, #2
    insn    spsel, msr spsel, #1
    insn    pan, .inst 0xd500419f
    insn    uao, .inst 0xd500417f
    insn    dc-zva, dc zva, x1
    insn    dc-cvau, dc cvau, x1
    insn    ic-ivau, ic ivau, x1
    insn    ic-iallu, ic iallu
    insn    tlbi, tlbi vmalle1
    insn    sys-unknown, sys #7, c15, c15, #7, x0
    insn    nop, nop
    insn    isb, isb
generators_end:

    .macro  both name, register
    insn    mrs-\name, mrs x0, \register
    insn    msr-\name, msr \register, x2
    .endm

    .global registers, registers_end
registers:
    both    tpidr_el0, tpidr_el0
    both    tpidrro_el0, tpidrro_el0
    both    tpidr_el1, tpidr_el1
    both    contextidr_el1, contextidr_el1
    both    par_el1, par_el1
    both    far_el1, far_el1
    both    afsr0_el1, afsr0_el1
    both    afsr1_el1, afsr1_el1
    both    mair_el1, mair_el1
    both    amair_el1, amair_el1
    both    csselr_el1, csselr_el1
    both    sp_el0, sp_el0
    both    sp_el1, sp_el1
    both    elr_el1, elr_el1
    both    spsr_el1, spsr_el1
    both    esr_el1, esr_el1
    both    fpcr, fpcr
    both    fpsr, fpsr
    both    nzcv, nzcv
    both    daif, daif
    both    pan, s3_0_c4_c2_3
    both    uao, s3_0_c4_c2_4
    both    zcr_el1, s3_0_c1_c2_0
    both    hcr_el2, hcr_el2
    both    scr_el3, scr_el3
    both    sctlr_el2, sctlr_el2
    both    elr_el2, elr_el2
    both    unknown, s3_7_c15_c15_7
    insn    mrs-currentel, mrs x0, currentel
    insn    mrs-spsel, mrs x0, spsel
    insn    msr-currentel, msr s3_0_c4_c2_2, x2
    insn    mrs-dczid_el0, mrs x0, dczid_el0
    insn    msr-dczid_el0, msr s3_3_c0_c0_7, x2
    insn    msr-ctr_el0, msr s3_3_c0_c0_1, x2
    insn    msr-midr_el1, msr s3_0_c0_c0_0, x2
    insn    mrs-mpidr_el1, mrs x0, mpidr_el1
    insn    mrs-isr_el1, mrs x0, isr_el1
    insn    mrs-cntfrq_el0, mrs x0, cntfrq_el0
    insn    msr-cntfrq_el0, msr cntfrq_el0, x2
    insn    msr-cntvct_el0, msr s3_3_c14_c0_2, x2
    insn    mrs-oslsr_el1, mrs x0, s2_0_c1_c1_4
registers_end:
    .quad   0
