/* Entry points, exception vectors, and the register moves that C cannot say. Entered at EL1 with the MMU off, x0 = DTB or 0. */

    .arch armv8.2-a+sve

#define STACK_BYTES 4096
#define MAX_CPUS 64

    .section .text.start, "ax"
    .global _start
_start:
    msr     daifset, #15
    msr     spsel, #1
    mov     x19, x0
    adr     x1, vectors
    msr     vbar_el1, x1
    isb
    ldr     x1, =__bss_start
    ldr     x2, =__bss_end
1:  cmp     x1, x2
    b.hs    2f
    stp     xzr, xzr, [x1], #16
    b       1b
2:  ldr     x1, =stacks + STACK_BYTES
    mov     sp, x1
    mov     x0, x19
    bl      main
3:  wfi
    b       3b

/* PSCI CPU_ON enters here with x0 = CPU number. The MMU goes on before the first stack access: the stack is shared cacheable memory. */
    .global secondary_start
secondary_start:
    msr     daifset, #15
    msr     spsel, #1
    mov     x19, x0
    adr     x1, vectors
    msr     vbar_el1, x1
    isb
    bl      mmu_enable
    ldr     x1, =stacks
    add     x2, x19, #1
    mov     x3, #STACK_BYTES
    madd    x1, x2, x3, x1
    mov     sp, x1
    mov     x0, x19
    b       secondary_main

/* MAIR: attribute 0 Device-nGnRE, 1 Normal write-back. TCR: T0SZ 25 (39 bits), 4 KiB, inner shareable write-back, no TTBR1 walks, 40-bit PA. */
    .global mmu_enable
mmu_enable:
    ldr     x9, =0xff04
    msr     mair_el1, x9
    ldr     x9, =(25 | (1 << 8) | (1 << 10) | (3 << 12) | (1 << 23) | (2 << 32))
    msr     tcr_el1, x9
    ldr     x9, =page_table_l1
    msr     ttbr0_el1, x9
    dsb     sy
    tlbi    vmalle1
    dsb     sy
    isb
    mrs     x9, sctlr_el1
    ldr     x10, =0x1005                    /* M, C, I */
    orr     x9, x9, x10
    bic     x9, x9, #2                      /* A: unaligned accesses are allowed */
    msr     sctlr_el1, x9
    isb
    ret

    .section .text.vectors, "ax"

    .macro  unexpected number
    .balign 128
    sub     sp, sp, #192
    stp     x0, x1, [sp]
    mov     x0, #\number
    b       unexpected_entry
    .endm

    .macro  save_caller_registers
    sub     sp, sp, #192
    stp     x0, x1, [sp]
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x30, [sp, #144]
    mrs     x0, elr_el1
    mrs     x1, spsr_el1
    stp     x0, x1, [sp, #160]
    .endm

    .macro  restore_caller_registers
    ldp     x0, x1, [sp, #160]
    msr     elr_el1, x0
    msr     spsr_el1, x1
    ldp     x18, x30, [sp, #144]
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp]
    add     sp, sp, #192
    .endm

    .balign 2048
vectors:
    unexpected 0
    unexpected 1
    unexpected 2
    unexpected 3

    .balign 128                             /* synchronous, EL1 with SP_EL1 */
    b       synchronous_entry
    .balign 128                             /* IRQ, EL1 with SP_EL1 */
    b       irq_entry
    unexpected 6
    unexpected 7

    unexpected 8
    unexpected 9
    unexpected 10
    unexpected 11
    unexpected 12
    unexpected 13
    unexpected 14
    unexpected 15
    .balign 128

synchronous_entry:
    save_caller_registers
    mov     x0, sp
    bl      synchronous_handler
    restore_caller_registers
    eret

irq_entry:
    save_caller_registers
    bl      irq_handler
    restore_caller_registers
    eret

unexpected_entry:
    bl      unexpected_handler

    .text

    .global sve_vector_bytes
sve_vector_bytes:
    rdvl    x0, #1
    ret

/* sve_state_load(x0 = Z0..Z31, x1 = P0..P15, x2 = FFR), each packed at the current vector length. */
    .global sve_state_load
sve_state_load:
    ldr     p0, [x2]
    wrffr   p0.b
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    ldr     p\n, [x1, #\n, mul vl]
    .endr
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ldr     z\n, [x0, #\n, mul vl]
    .endr
    ret

    .global sve_state_store
sve_state_store:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    str     z\n, [x0, #\n, mul vl]
    .endr
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    str     p\n, [x1, #\n, mul vl]
    .endr
    rdffr   p0.b
    str     p0, [x2]
    ldr     p0, [x1]
    ret

/* simd_state_load(x0 = V0..V31, 16 bytes each) */
    .macro  simd_pairs operation
    .irp n, 0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30
    simd_pair \operation, \n, %(\n + 1)
    .endr
    .endm

    .macro  simd_pair operation, first, second
    \operation q\first, q\second, [x0, #16 * \first]
    .endm

    .altmacro
    .global simd_state_load
simd_state_load:
    simd_pairs ldp
    ret

    .global simd_state_store
simd_state_store:
    simd_pairs stp
    ret

    .section .noinit, "aw", %nobits
    .balign 4096
    .global page_table_l1
page_table_l1:
    .skip 4096
    .balign 16
stacks:
    .skip STACK_BYTES * MAX_CPUS
