using OrleansGateway.Tests.Programs;
using OrleansGateway.Tests.Programs.Scripts;
using Xunit;

namespace OrleansGateway.Tests.Integration.Scripts;

/// <summary>What <c>load-tests/lib</c> offers to scripts.</summary>
public sealed class LoadTestScriptTests
{
    [Fact]
    public async Task Lib_InAScript_StartsAGatewayWithKeysAndLeavesNothing()
    {
        await using var clone = new ScriptClone(Repository.Root);
        var (code, output) = await clone.RunAsync("""
            set -euo pipefail
            root=$PWD work=$PWD/work folders=()
            mkdir "$work"
            for part in process postgres gateway; do source "load-tests/lib/$part.sh"; done
            trap 'stop_all; rm -rf "${folders[@]}"' EXIT
            start provider "$root/artifacts/publish/SimulatedProvider/release/OrleansGateway.SimulatedProvider" --port 0 --models sim-1
            await_line provider '^listening on'
            start_gateway "$(sed -n 's/^listening on //p' "$work/provider.log")"
            make_keys 2 >"$work/keys"
            while read -r key; do
                curl -sS -w ' %{http_code}\n' "$gateway_url/v1/chat/completions" -H 'content-type: application/json' -H "authorization: Bearer $key" \
                    -d '{"model":"sim-1","messages":[{"role":"user","content":"Hello"}]}'
            done <"$work/keys"
            """);
        Assert.True(code == 0, output);
        Assert.Equal(2, output.Split('\n').Count(line => line.EndsWith(" 200", StringComparison.Ordinal) && line.Contains("\"chat.completion\"", StringComparison.Ordinal)));
        Assert.Empty(clone.Processes());
    }

    [Fact]
    public async Task Scripts_OfTheRepository_AreWithoutErrorsOfSyntaxAndExplainThemselves()
    {
        await using var clone = new ScriptClone(Repository.Root);
        var (code, output) = await clone.RunAsync("""
            set -e
            for script in run cluster test .ci/run build/*.sh load-tests/lib/*.sh load-tests/{benchmark,compare,start}; do bash -n "$script"; done
            for script in ./cluster load-tests/benchmark load-tests/compare load-tests/start; do "$script" -h; done
            """);
        Assert.True(code == 0, output);
        Assert.Equal(4, output.Split('\n').Count(line => line.StartsWith("usage: ", StringComparison.Ordinal)));
    }
}
