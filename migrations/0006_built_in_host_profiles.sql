-- The emulated hosts that come with CloudVm: four CPUs each, lengths in bits.

WITH cpu_lengths (profile, description, first_pair, second_pair) AS (
    VALUES
        ('neoverse-n1', 'As Arm Neoverse N1: no SVE', '[]'::jsonb, '[]'::jsonb),
        ('a64fx', 'As Fujitsu A64FX: up to 512 bits', '[128, 256, 512]', '[128, 256, 512]'),
        ('neoverse-v1', 'As Arm Neoverse V1: up to 256 bits', '[128, 256]', '[128, 256]'),
        ('neoverse-v2', 'As Arm Neoverse V2: 128 bits', '[128]', '[128]'),
        ('max-pow2', 'Every power of two up to 2048 bits',
            '[128, 256, 512, 1024, 2048]', '[128, 256, 512, 1024, 2048]'),
        ('max', 'Every length that the architecture allows',
            '[128, 256, 384, 512, 640, 768, 896, 1024, 1152, 1280, 1408, 1536, 1664, 1792, 1920, 2048]',
            '[128, 256, 384, 512, 640, 768, 896, 1024, 1152, 1280, 1408, 1536, 1664, 1792, 1920, 2048]'),
        ('mixed-cluster', 'CPUs 0 and 1 reach 512 bits, CPUs 2 and 3 only 256', '[128, 256, 512]', '[128, 256]')
)
INSERT INTO host_profiles (name, description, built_in, cpus, vector_length_policy, max_vcpus, created_at)
SELECT profile, description, true,
    jsonb_build_array(
        jsonb_build_object('vectorLengthsBits', first_pair), jsonb_build_object('vectorLengthsBits', first_pair),
        jsonb_build_object('vectorLengthsBits', second_pair), jsonb_build_object('vectorLengthsBits', second_pair)),
    'upstream', 64, now()
FROM cpu_lengths;
