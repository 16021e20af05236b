using System.Globalization;
using System.Text;

namespace CloudVm.Hypervisor.Debugging;

/// <summary>The target description (<c>target.xml</c>) of a register file.</summary>
internal static class GdbTargetDescription
{
    public static string Write(GdbRegisterFile file)
    {
        var xml = new StringBuilder("""
            <?xml version="1.0"?>
            <!DOCTYPE target SYSTEM "gdb-target.dtd">
            <target version="1.0">
            <architecture>aarch64</architecture>

            """);
        var number = 0;
        foreach (var feature in file.Features)
        {
            xml.Append(CultureInfo.InvariantCulture, $"<feature name=\"{feature.Name}\">\n{feature.Types}");
            foreach (var register in feature.Registers)
            {
                xml.Append(CultureInfo.InvariantCulture, $"<reg name=\"{register.Name}\" bitsize=\"{register.Bytes * 8}\" type=\"{register.Type}\"");
                if (register.Group is { } group)
                    xml.Append(CultureInfo.InvariantCulture, $" group=\"{group}\" save-restore=\"no\"");
                xml.Append(CultureInfo.InvariantCulture, $" regnum=\"{number++}\"/>\n");
            }

            xml.Append("</feature>\n");
        }

        return xml.Append("</target>\n").ToString();
    }
}
