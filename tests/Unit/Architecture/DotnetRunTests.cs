using System.Diagnostics;
using Xunit;

namespace OrleansGateway.Tests.Unit.Architecture;

public sealed class DotnetRunTests
{
    /// <summary>The command line finds what <c>./run</c> left in the folder that it was started in: a web project would move to its own.</summary>
    [Fact]
    public async Task CommandLine_RunByDotnet_StaysInItsCallersFolder()
    {
        var start = new ProcessStartInfo("dotnet", ["msbuild", Path.Combine(SourceTree.Shipped, "Silo/Silo.csproj"), "-getProperty:RunWorkingDirectory", "-nologo"])
        {
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        var folder = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal((0, ""), (process.ExitCode, folder.Trim()));
    }
}
